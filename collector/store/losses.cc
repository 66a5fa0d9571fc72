#include "collector/store/losses.h"

#include <fmt/format.h>

#include <sstream>

#include "ledger/record.h"

namespace yunjian::collector {

using ledger::ErrorKind;
using ledger::Result;

namespace {

constexpr std::string_view first_line = "yunjian/losses/v1";
constexpr std::string_view leaves_word = "leaves";

}  // namespace

std::string format_losses(const std::vector<Loss>& losses) {
  std::string text = fmt::format("{}\n", first_line);
  for (const Loss& loss : losses) {
    if (loss.stream.empty()) {
      text += fmt::format("{} {} {}\n", leaves_word, loss.first, loss.last);
    } else {
      text += fmt::format("{} {} {} {} {} {} {}\n", loss.unit, loss.host, loss.stream, loss.first,
                          loss.last, ledger::format_time(loss.received_from),
                          ledger::format_time(loss.received_to));
    }
  }
  return text;
}

Result<std::vector<Loss>> read_losses(ledger::FileSystem& files, const std::string& data) {
  const std::string path = ledger::join_path(quarantine_directory(data), "losses");
  auto there = files.exists(path);
  if (!there) return ledger::failure(there);
  std::vector<Loss> losses;
  if (!*there) return losses;
  auto bytes = files.read_file(path);
  if (!bytes) return ledger::failure(bytes);
  std::istringstream text(*bytes);
  std::string line;
  const auto damaged = [&] {
    return ledger::fail(ErrorKind::corrupt,
                        fmt::format("{} cannot be read at '{}': run `verify --repair` again after "
                                    "moving it away",
                                    path, line));
  };
  if (!std::getline(text, line) || line != first_line) return damaged();
  while (std::getline(text, line)) {
    std::istringstream words(line);
    Loss loss;
    words >> loss.unit;
    if (loss.unit == leaves_word) {
      loss.unit.clear();
      words >> loss.first >> loss.last;
    } else {
      std::string from;
      std::string to;
      words >> loss.host >> loss.stream >> loss.first >> loss.last >> from >> to;
      const auto begin = ledger::parse_time(from);
      const auto end = ledger::parse_time(to);
      if (!begin || !end) return damaged();
      loss.received_from = *begin;
      loss.received_to = *end;
    }
    if (words.fail()) return damaged();
    losses.push_back(std::move(loss));
  }
  return losses;
}

std::string quarantine_directory(const std::string& data) {
  return ledger::join_path(data, "quarantine");
}

}  // namespace yunjian::collector
