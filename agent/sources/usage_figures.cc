#include "agent/sources/usage_figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "ledger/record.h"

namespace yunjian::agent {
namespace {

constexpr double value_max = 9e14;  // exact in a double also with two decimals

bool is_plain(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
         std::string_view("/._-:@+").find(c) != std::string_view::npos;
}

}  // namespace

std::string device_key(std::string_view name) {
  std::string key;
  for (const char c : name) {
    if (is_plain(c)) {
      key += c;
    } else {
      fmt::format_to(std::back_inserter(key), "%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return key;
}

std::size_t UsageFigures::define(const FigureKind& kind, std::string_view device) {
  Figure figure;
  figure.kind = kind;
  figure.device = device.empty() ? "" : "." + device_key(device);
  figures_.push_back(std::move(figure));
  return figures_.size() - 1;
}

void UsageFigures::add(std::size_t handle, double value) {
  Figure& figure = figures_[handle];
  value = std::isfinite(value) ? std::clamp(value, 0.0, value_max) : 0.0;
  figure.max = figure.count == 0 ? value : std::max(figure.max, value);
  figure.sum += value;
  figure.last = value;
  ++figure.count;
}

void UsageFigures::write(std::string& out, const Minute& minute) {
  ledger::RecordWriter record(out, minute.end, "usage");
  record.integer("interval_s", minute.interval_s).integer("n", minute.samples);
  const auto sorted = entries();
  const auto write_entry = [&](const Entry& entry) {
    if (entry.decimal) {
      record.decimal(entry.key, entry.value);
    } else {
      record.integer(entry.key, static_cast<std::uint64_t>(std::llround(entry.value)));
    }
  };
  constexpr std::string_view boot_key = "system.boot_id";
  auto entry = sorted.begin();
  for (; entry != sorted.end() && ledger::record_key_less(entry->key, boot_key); ++entry)
    write_entry(*entry);
  if (!minute.boot_id.empty()) record.text(boot_key, minute.boot_id);
  for (; entry != sorted.end(); ++entry) write_entry(*entry);
  record.finish();
  for (auto& figure : figures_) {
    figure.sum = figure.max = figure.last = 0;
    figure.count = 0;
  }
}

std::vector<UsageFigures::Entry> UsageFigures::entries() const {
  std::vector<Entry> entries;
  for (const auto& figure : figures_) {
    if (figure.count == 0) continue;
    const std::string key{figure.kind.key};
    const bool decimal = figure.kind.decimal;
    switch (figure.kind.keep) {
      case Keep::mean_max:
        entries.push_back({key + ".max" + figure.device, figure.max, decimal});
        entries.push_back({key + ".mean" + figure.device,
                           figure.sum / static_cast<double>(figure.count), decimal});
        break;
      case Keep::last:
        entries.push_back({key + figure.device, figure.last, decimal});
        break;
      case Keep::total:
        entries.push_back({key + figure.device, std::min(figure.sum, value_max), decimal});
        break;
    }
  }
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return ledger::record_key_less(a.key, b.key); });
  return entries;
}

}  // namespace yunjian::agent
