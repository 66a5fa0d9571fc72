#pragma once

#include <string>
#include <utility>

#include "collector/api/context.h"
#include "collector/api/json.h"

namespace yunjian::collector {

inline constexpr std::uint64_t names_page_max = 10'000;

// Pages through a list sorted by name.
struct NamePage {
  std::string after;
  std::uint64_t limit = names_page_max;
  std::string question;
};
// From `limit` and `cursor`, the only parameters of such a list.
Outcome<NamePage> read_name_page(const ApiContext& context, const Call& call);

// `{"items":[…],"cursor":…}` over what lies behind the page's start. `name` and `write` take one
// item.
template <typename Items, typename Name, typename Write>
Response answer_list(const ApiContext& context, const NamePage& page, const Items& items,
                     const std::pair<Name, Write>& how) {
  const auto& [name, write] = how;
  Json json;
  json.begin_object().key("items").begin_array();
  std::uint64_t written = 0;
  std::string last;
  bool more = false;
  for (const auto& item : items) {
    if (!page.after.empty() && name(item) <= page.after) continue;
    if (written == page.limit) {
      more = true;
      break;
    }
    write(json, item);
    last = name(item);
    ++written;
  }
  json.end_array();
  if (more) {
    json.member("cursor", std::string_view(context.cursors->seal_name(last, page.question)));
  } else {
    json.null_member("cursor");
  }
  json.end_object();
  Response response;
  response.body = json.take();
  return response;
}

}  // namespace yunjian::collector
