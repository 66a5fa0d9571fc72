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

std::string outcome_act(Act act, const StoredOutcome& outcome) {
  act.text("host", outcome.host).text("month", outcome.month).text("verdict", outcome.verdict);
  put(act, "size", outcome.size);
  put(act, "clears", outcome.clears);
  put(act, "exempt", outcome.exempt);
  put(act, "rules", outcome.rules);
  if (outcome.cpu_mean) act.number("cpu_mean", *outcome.cpu_mean);
  if (outcome.memory_mean) act.number("memory_mean", *outcome.memory_mean);
  return act.line();
}

}  // namespace yunjian::collector
