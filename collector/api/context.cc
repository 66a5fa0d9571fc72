#include "collector/api/context.h"

#include <fmt/format.h>

#include "collector/api/unit_counts.h"

namespace yunjian::collector {

Act look(const ApiContext& context, const Call& call, std::string_view what) {
  const auto& credential = call.credential;
  Act act(context.clock->wall(), what);
  act.text("who", credential.name)
      .text("credential", credential.id)
      .text("role", to_string(credential.role))
      .text("address", call.request.peer)
      .text("path", call.request.path);
  if (!credential.account.empty()) act.text("account", credential.account);
  if (credential.scope.is_all()) {
    act.text("scope", "all");
  } else {
    act.text("scope", fmt::format("{}", fmt::join(credential.scope.listed(), " ")));
  }
  return act;
}

Outcome<void> record_look(const ApiContext& context, const Act& act) {
  auto committed = context.commit_act(act.line());
  if (committed) return {};
  Problem problem{.status = 503,
                  .slug = "unrecorded",
                  .title = "The look could not be recorded",
                  .detail =
                      "Every look is recorded before its answer is given; this one could "
                      "not be. Ask again, and tell the collector's operator when it lasts.",
                  .retry = true,
                  .retry_after_s = 5};
  return Refusal(std::move(problem));
}

Outcome<Response> recorded(const ApiContext& context, Act act, const UnitCounts& counts,
                           Response response) {
  counts.tell(act);
  if (auto done = record_look(context, act); !done) return handed_on(done);
  return response;
}

}  // namespace yunjian::collector
