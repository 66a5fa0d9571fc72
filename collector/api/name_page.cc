#include "collector/api/name_page.h"

#include "collector/api/parameters.h"

namespace yunjian::collector {

Outcome<NamePage> read_name_page(const ApiContext& context, const Call& call) {
  auto parameters = Parameters::read(call.request, {"limit", "cursor"});
  if (!parameters) return handed_on(parameters);
  auto limit =
      parameters->number("limit", {.otherwise = names_page_max, .min = 1, .max = names_page_max});
  if (!limit) return handed_on(limit);
  NamePage page{.after = {}, .limit = *limit, .question = parameters->question()};
  if (const auto cursor = parameters->optional_text("cursor")) {
    const auto after = context.cursors->open_name(*cursor, page.question);
    if (!after) return bad_request("Parameter 'cursor' is not one that was given for this list.");
    page.after = *after;
  }
  return page;
}

}  // namespace yunjian::collector
