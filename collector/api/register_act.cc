#include "collector/api/register_act.h"

namespace yunjian::collector {

namespace {

void put(Act& act, std::string_view key, const std::string& value) {
  if (!value.empty()) act.text(key, value);
}

}  // namespace

std::string register_act(Act act, const RegistryEntry& entry) {
  act.text("register", entry.kind).text("entry", entry.id);
  put(act, "unit", entry.unit);
  for (const auto& [name, value] : entry.fields) act.text("field." + name, value);
  return act.line();
}

std::string finding_act(Act act, const Finding& finding, const FindingEvent& event) {
  act.text("finding", finding.id).number("step", event.number).text("act", event.act);
  act.text("host", finding.host).text("unit", finding.unit).text("verdict", finding.verdict);
  act.text("month", finding.month).text("state", event.state).text("by", event.who);
  put(act, "due", finding.due);
  put(act, "stopped_since", finding.stopped_since);
  put(act, "reason", event.reason);
  for (const auto& [name, value] : finding.details) put(act, "field." + name, value);
  return act.line();
}

}  // namespace yunjian::collector
