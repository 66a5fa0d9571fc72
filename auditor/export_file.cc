#include <fmt/format.h>

#include <algorithm>

#include "auditor/export.h"

// yunjian/export/v1 as bytes.
namespace yunjian::auditor {

using ledger::ErrorKind;
using ledger::Hash;
using ledger::Result;

namespace {

constexpr std::string_view export_form = "yunjian/export/v1";
constexpr std::uint64_t path_hashes_max = 64;
constexpr std::uint64_t line_bytes_max = 256;
constexpr std::uint64_t export_streams_max = 1'000'000;

void append_part(std::string& out, std::string_view name, std::string_view bytes) {
  out += fmt::format("{} {}\n", name, bytes.size());
  out += bytes;
}

void append_path(std::string& out, std::string_view name, std::uint64_t index,
                 const std::vector<Hash>& path) {
  out += fmt::format("{} {} {}\n", name, index, path.size());
  for (const Hash& hash : path) out += ledger::to_base64(ledger::as_view(hash)) + "\n";
}

// Takes the parts of an export from the front; the first that is wrong is remembered.
class Parts {
 public:
  explicit Parts(std::string_view bytes) : rest_(bytes) {}

  std::string_view line(std::string_view name) {
    const std::size_t end = rest_.find('\n');
    if (failed() || end == std::string_view::npos || end <= name.size() ||
        !rest_.starts_with(name) || rest_[name.size()] != ' ') {
      refuse(name);
      return {};
    }
    const std::string_view value = rest_.substr(name.size() + 1, end - name.size() - 1);
    rest_.remove_prefix(end + 1);
    return value;
  }
  std::uint64_t number(std::string_view name, std::string_view digits, std::uint64_t max) {
    const auto value = ledger::parse_decimal(digits);
    if (!value || *value > max) refuse(name);
    return value && *value <= max ? *value : 0;
  }
  std::string part(std::string_view name, std::uint64_t max) {
    const std::uint64_t size = number(name, line(name), max);
    if (failed() || rest_.size() < size) {
      refuse(name);
      return {};
    }
    std::string bytes(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return bytes;
  }
  std::uint64_t path(std::string_view name, std::vector<Hash>& into) {
    const std::string_view value = line(name);
    const std::size_t space = std::min(value.find(' '), value.size());
    const std::uint64_t index = number(name, value.substr(0, space), INT64_MAX);
    const std::uint64_t count =
        number(name, value.substr(std::min(space + 1, value.size())), path_hashes_max);
    for (std::uint64_t i = 0; i < count && !failed(); ++i) {
      const std::size_t end = std::min(rest_.find('\n'), rest_.size());
      const auto hash = ledger::hash_from_base64(rest_.substr(0, end));
      if (!hash) refuse(name);
      if (hash) into.push_back(*hash);
      rest_.remove_prefix(std::min(end + 1, rest_.size()));
    }
    return index;
  }
  ledger::Time time(std::string_view name, std::string_view text) {
    const auto value = ledger::parse_time(text);
    if (!value) refuse(name);
    return value ? *value : ledger::Time{};
  }
  void refuse(std::string_view name) {
    if (problem_.empty()) problem_ = fmt::format("the part '{}' is missing or not valid", name);
  }
  bool failed() const { return !problem_.empty(); }
  const std::string& problem() const { return problem_; }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
  std::string problem_;
};

StreamEnd read_end(Parts& parts) {
  StreamEnd end;
  end.leaf = parts.part("end", ledger::note_bytes_max);
  if (end.leaf.empty()) return end;
  end.index = parts.path("ended", end.path);
  end.line = parts.part("line", line_bytes_max);
  if (!end.line.empty()) end.line_index = parts.path("listed", end.line_path);
  return end;
}

void append_end(std::string& out, const StreamEnd& end) {
  append_part(out, "end", end.leaf);
  if (end.leaf.empty()) return;
  append_path(out, "ended", end.index, end.path);
  append_part(out, "line", end.line);
  if (!end.line.empty()) append_path(out, "listed", end.line_index, end.line_path);
}

ExportedStream read_stream(Parts& parts) {
  ExportedStream stream;
  stream.enrolment = parts.part("enrolment", 16384);
  stream.enrolment_index = parts.path("enrolled", stream.enrolment_path);
  stream.previous = parts.part("previous", ledger::header_bytes_max);
  const std::string_view value = parts.line("batches");
  const std::size_t space = std::min(value.find(' '), value.size());
  const std::uint64_t batches = parts.number("batches", value.substr(0, space), INT64_MAX);
  const std::string_view end = value.substr(std::min(space + 1, value.size()));
  if (end != "open" && end != "closed") parts.refuse("batches");
  stream.open_end = end == "open";
  for (std::uint64_t i = 0; i < batches && !parts.failed(); ++i) {
    ExportedStream::Frame frame;
    frame.header = parts.part("header", ledger::header_bytes_max);
    frame.body = parts.part("body", ledger::body_encoded_bytes_max);
    stream.frames.push_back(std::move(frame));
  }
  stream.last_index = parts.path("last", stream.last_path);
  if (stream.open_end) stream.end = read_end(parts);
  return stream;
}

}  // namespace

std::string format_export(const Export& exported) {
  std::string out =
      fmt::format("{} {}\nperiod {} {}\n", export_form, exported.what,
                  ledger::format_time(exported.from), ledger::format_time(exported.to));
  append_part(out, "checkpoint", exported.checkpoint);
  out += fmt::format("streams {}\n", exported.streams.size());
  for (const ExportedStream& stream : exported.streams) {
    append_part(out, "enrolment", stream.enrolment);
    append_path(out, "enrolled", stream.enrolment_index, stream.enrolment_path);
    append_part(out, "previous", stream.previous);
    out +=
        fmt::format("batches {} {}\n", stream.frames.size(), stream.open_end ? "open" : "closed");
    for (const ExportedStream::Frame& frame : stream.frames) {
      append_part(out, "header", frame.header);
      append_part(out, "body", frame.body);
    }
    append_path(out, "last", stream.last_index, stream.last_path);
    if (stream.open_end) append_end(out, stream.end);
  }
  return out;
}

Result<Export> parse_export(std::string_view bytes) {
  Parts parts(bytes);
  Export exported;
  exported.what = parts.line(export_form);
  const std::string_view period = parts.line("period");
  const std::size_t space = std::min(period.find(' '), period.size());
  exported.from = parts.time("period", period.substr(0, space));
  exported.to = parts.time("period", period.substr(std::min(space + 1, period.size())));
  exported.checkpoint = parts.part("checkpoint", ledger::note_bytes_max);
  const std::uint64_t streams = parts.number("streams", parts.line("streams"), export_streams_max);
  for (std::uint64_t i = 0; i < streams && !parts.failed(); ++i) {
    exported.streams.push_back(read_stream(parts));
  }
  if (!parts.failed() && format_export(exported) != bytes) parts.refuse("end");
  if (!parts.failed()) return exported;
  return ledger::fail(ErrorKind::reject, fmt::format("not a {}: {}", export_form, parts.problem()));
}

}  // namespace yunjian::auditor
