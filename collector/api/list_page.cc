#include "collector/api/list_page.h"

namespace yunjian::collector {

Outcome<NamePage> list_page(const ApiContext& context, const Parameters& parameters) {
  auto limit =
      parameters.number("limit", {.otherwise = names_page_max, .min = 1, .max = names_page_max});
  if (!limit) return handed_on(limit);
  NamePage page{.after = {}, .limit = *limit, .question = parameters.question()};
  const auto cursor = parameters.optional_text("cursor");
  if (!cursor) return page;
  const auto after = context.cursors->open_name(*cursor, page.question);
  if (!after) return bad_request("Parameter 'cursor' is not one that was given for this list.");
  page.after = *after;
  return page;
}

}  // namespace yunjian::collector
