#include "agent/sources/platform/platform_form.h"

#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

#include <algorithm>
#include <array>

#include "agent/sources/utf8_cut.h"
#include "ledger/base/bytes.h"

namespace yunjian::agent {
namespace {

constexpr std::size_t program_bytes_max = 128;
constexpr std::size_t value_bytes_max = 256;  // of what is looked at: a longer text is neither
constexpr std::size_t path_bytes_max = 512;
constexpr std::size_t depth_max = 64;

// OpenStack: an oslo.messaging notification (driver log, or messagingv2 with its envelope) whose
// payload may be a CADF event, or a CADF event alone as audit middleware writes it.
// Kubernetes: audit.k8s.io/v1. libvirt: libvirtd.log and qemu/*.log.
const std::array<PlatformForm, 4>& known_forms() {
  static const std::array<PlatformForm, 4> forms = {
      PlatformForm{.name = "json"},
      PlatformForm{.name = "kubernetes", .time = {"requestReceivedTimestamp", "stageTimestamp"}},
      PlatformForm{.name = "libvirt", .text = true},
      PlatformForm{.name = "openstack",
                   .time = {"payload.eventTime", "eventTime", "timestamp", "_context_timestamp"},
                   .severity = {"priority"},
                   .program = {"publisher_id", "observer.name"},
                   .envelope = "oslo.message"},
  };
  return forms;
}

struct Level {
  std::string_view word;
  std::uint64_t severity;
};
constexpr std::array<Level, 18> levels = {{{"emergency", 0},
                                           {"emerg", 0},
                                           {"alert", 1},
                                           {"critical", 2},
                                           {"crit", 2},
                                           {"fatal", 2},
                                           {"error", 3},
                                           {"err", 3},
                                           {"warning", 4},
                                           {"warn", 4},
                                           {"notice", 5},
                                           {"audit", 5},
                                           {"info", 6},
                                           {"sample", 6},
                                           {"informational", 6},
                                           {"debug", 7},
                                           {"trace", 7},
                                           {"verbose", 7}}};

std::optional<std::uint64_t> read_severity(std::string_view text) {
  if (text.size() == 1 && text[0] >= '0' && text[0] <= '7')
    return static_cast<std::uint64_t>(text[0] - '0');
  std::string lower(text.substr(0, 16));
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  const auto* found = std::find_if(levels.begin(), levels.end(),
                                   [&](const Level& level) { return level.word == lower; });
  if (found == levels.end()) return {};
  return found->severity;
}

// One wanted value: the best path found so far.
struct Wanted {
  const std::vector<std::string>* paths;
  std::size_t rank;  // index into paths of what `value` came from; paths->size(): nothing yet
  std::string value;
};

// Follows where in the document it is and keeps the wanted values; nothing else is stored.
class Finder : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, Finder> {
 public:
  explicit Finder(const PlatformForm& form)
      : time{&form.time, form.time.size(), {}},
        severity{&form.severity, form.severity.size(), {}},
        program{&form.program, form.program.size(), {}},
        envelope_key_(form.envelope) {}

  Wanted time;
  Wanted severity;
  Wanted program;
  std::string envelope;

  bool Default() { return true; }
  bool Key(const char* text, rapidjson::SizeType size, bool) {
    path_.resize(base());
    if (path_.size() + size > path_bytes_max) return false;
    if (!path_.empty()) path_ += '.';
    path_.append(text, size);
    return true;
  }
  bool RawNumber(const char* text, rapidjson::SizeType size, bool) { return keep({text, size}); }
  bool String(const char* text, rapidjson::SizeType size, bool) {
    const std::string_view value(text, size);
    if (arrays_ == 0 && !envelope_key_.empty() && path_ == envelope_key_) envelope = value;
    return keep(value);
  }
  bool StartObject() {
    if (bases_.size() >= depth_max) return false;
    bases_.push_back(path_.size());
    return true;
  }
  bool EndObject(rapidjson::SizeType) {
    path_.resize(base());
    bases_.pop_back();
    return true;
  }
  bool StartArray() { return ++arrays_ <= depth_max; }
  bool EndArray(rapidjson::SizeType) {
    --arrays_;
    return true;
  }

 private:
  std::size_t base() const { return bases_.empty() ? 0 : bases_.back(); }

  bool keep(std::string_view value) {
    if (arrays_ > 0 || value.size() > value_bytes_max) return true;
    for (Wanted* wanted : {&time, &severity, &program}) {
      for (std::size_t i = 0; i < wanted->rank; ++i) {
        if (path_ != (*wanted->paths)[i]) continue;
        wanted->rank = i;
        wanted->value = value;
      }
    }
    return true;
  }

  std::string_view envelope_key_;
  std::string path_;
  std::vector<std::size_t> bases_;  // length of the path outside each open object
  std::size_t arrays_ = 0;
};

void parse(std::string_view json, Finder& finder) {
  rapidjson::MemoryStream stream(json.data(), json.size());
  rapidjson::Reader reader;
  // What was found before a fault counts: evidence is not thrown away for its grammar.
  constexpr unsigned flags = rapidjson::kParseIterativeFlag |
                             rapidjson::kParseNumbersAsStringsFlag |
                             rapidjson::kParseStopWhenDoneFlag;
  reader.Parse<flags>(stream, finder);
}

std::string program_text(const std::string& value) {
  if (!ledger::is_valid_utf8(value)) return {};
  if (value.size() <= program_bytes_max) return value;
  return value.substr(0, whole_characters(std::string_view(value).substr(0, program_bytes_max)));
}

PlatformFacts read_json(const PlatformForm& form, std::string_view line) {
  // Loggers write their own words in front of the object.
  const std::size_t begin = line.find('{');
  if (begin == std::string_view::npos) return {};
  Finder finder(form);
  parse(line.substr(begin), finder);
  if (!finder.envelope.empty()) {
    const std::string inner = std::move(finder.envelope);
    finder = Finder(form);
    parse(inner, finder);
  }
  return {.time = read_platform_time(finder.time.value),
          .severity = read_severity(finder.severity.value),
          .program = program_text(finder.program.value)};
}

// 2023-05-01 10:00:00.123+0000: 12345: error : function:1791 : text; qemu logs have the time alone.
PlatformFacts read_text(std::string_view line) {
  PlatformFacts facts;
  const std::size_t end = line.find(": ");
  if (end == std::string_view::npos) return facts;
  facts.time = read_platform_time(line.substr(0, end));
  if (!facts.time) return facts;
  line.remove_prefix(end + 2);
  const std::size_t thread = line.find(": ");
  if (thread == std::string_view::npos || thread > 20) return facts;
  line.remove_prefix(thread + 2);
  facts.severity = read_severity(line.substr(0, line.find_first_of(" :")));
  return facts;
}

}  // namespace

std::optional<PlatformForm> find_platform_form(std::string_view name) {
  for (const PlatformForm& form : known_forms()) {
    if (form.name == name) return form;
  }
  return {};
}

std::string platform_form_names() {
  std::string names;
  for (const PlatformForm& form : known_forms()) names += (names.empty() ? "" : ", ") + form.name;
  return names;
}

PlatformFacts read_platform_line(const PlatformForm& form, std::string_view line) {
  return form.text ? read_text(line) : read_json(form, line);
}

}  // namespace yunjian::agent
