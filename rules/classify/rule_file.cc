#include "rules/classify/rule_file.h"

#include <fmt/format.h>

#include <algorithm>

#include "ledger/base/bytes.h"
#include "rules/data_file.h"

namespace yunjian::rules {

using ledger::Result;

namespace {

constexpr std::array classes = {0U, 1007U, 3001U, 3002U, 3005U, 6002U, 6003U};
constexpr std::array<std::string_view, slot_count> slot_keys = {
    "", "user", "uid", "address", "resource", "operation", "status"};
constexpr std::array<std::string_view, 8> expected_keys = {
    "user", "uid", "address", "resource", "operation", "status", "activity", "severity"};

std::uint32_t read_number(DataObject& rule, std::string_view key, std::uint32_t max) {
  return rule.has(key) ? static_cast<std::uint32_t>(rule.integer(key, max)) : 0;
}

std::vector<std::pair<std::string, std::string>> read_pairs(DataObject object) {
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const std::string& key : object.keys()) pairs.emplace_back(key, object.text(key));
  object.finish();
  return pairs;
}

Meaning read_meaning(DataObject& rule) {
  Meaning meaning;
  meaning.class_uid = static_cast<std::uint32_t>(rule.integer("class_uid", 9999));
  if (std::ranges::find(classes, meaning.class_uid) == classes.end()) {
    rule.wrong("class_uid", "is not a class that is told apart here");
  }
  meaning.activity_id = read_number(rule, "activity_id", 99);
  meaning.severity_id = read_number(rule, "severity_id", 6);
  meaning.status_id = read_number(rule, "status_id", 99);
  if (rule.has("activities")) {
    DataObject activities = rule.object("activities");
    for (const std::string& key : activities.keys()) {
      meaning.activities[key] = static_cast<std::uint32_t>(activities.integer(key, 99));
    }
    activities.finish();
  }
  return meaning;
}

// Reads the rules and examples of one file.
class FileReader {
 public:
  FileReader(DataObject& file, RuleFile& read, std::vector<RuleExample>* examples)
      : file_(file), read_(read), examples_(examples) {}

  void run() {
    for (DataObject& rule : file_.objects("rules")) {
      name_ = rule.text("name");
      if (read_.by == RuleFile::By::line) {
        read_line_rule(rule);
      } else {
        read_field_rule(rule);
      }
      read_examples(rule, "examples", true);
      read_examples(rule, "others", false);
      rule.finish();
    }
  }

 private:
  void read_line_rule(DataObject& rule) {
    LineRule line{.name = name_, .patterns = {}, .meaning = read_meaning(rule)};
    for (const std::string& text : rule.texts("lines")) {
      auto pattern = LinePattern::parse(text);
      if (!pattern) {
        rule.wrong("lines", pattern.error().message);
        continue;
      }
      line.patterns.push_back(*std::move(pattern));
    }
    if (rule.has("resource")) line.meaning.resource = rule.text("resource");
    if (rule.has("operation")) line.meaning.operation = rule.text("operation");
    read_.line_rules.push_back(std::move(line));
  }

  void read_field_rule(DataObject& rule) {
    FieldRule fields{.name = name_,
                     .values = rule.texts("values"),
                     .where = {},
                     .slots = {},
                     .meaning = read_meaning(rule)};
    if (rule.has("where")) fields.where = read_pairs(rule.object("where"));
    for (std::size_t slot = 1; slot < slot_count; ++slot) {
      if (rule.has(slot_keys[slot])) fields.slots[slot] = rule.texts(slot_keys[slot]);
    }
    if (rule.has("set_operation")) fields.meaning.operation = rule.text("set_operation");
    if (rule.has("set_resource")) fields.meaning.resource = rule.text("set_resource");
    read_.field_rules.push_back(std::move(fields));
  }

  // An example is `{"line": …}` or `{"record": {…}}`, and what must be derived from it. A line
  // stands for the record of the file's first program, or of its first log.
  void read_examples(DataObject& rule, std::string_view key, bool matches) {
    auto entries = rule.has(key) ? rule.objects(key) : std::vector<DataObject>();
    if (entries.empty()) {
      rule.wrong(key, matches ? "are missing: at least one line that the rule must match"
                              : "are missing: at least one line that the rule must leave alone");
    }
    for (DataObject& entry : entries) {
      RuleExample example{.rule = read_.name + "." + name_, .matches = matches};
      if (entry.has("record")) example.record = read_pairs(entry.object("record"));
      if (entry.has("line")) add_line(example, entry.text("line"));
      for (const std::string_view expected : expected_keys) {
        if (matches && entry.has(expected))
          example.expect.emplace_back(expected, entry.text(expected));
      }
      entry.finish();
      if (examples_ != nullptr) examples_->push_back(std::move(example));
    }
  }

  void add_line(RuleExample& example, std::string line) const {
    if (example.record.empty()) {
      if (!read_.programs.empty()) {
        example.record.emplace_back("process.name", read_.programs.front());
      } else if (!read_.logs.empty()) {
        std::string path = read_.logs.front();
        std::ranges::replace(path, '*', '-');
        example.record.emplace_back("source", "file");
        example.record.emplace_back("log", path);
      }
    }
    example.record.emplace_back("message", std::move(line));
  }

  DataObject& file_;
  RuleFile& read_;
  std::vector<RuleExample>* examples_;
  std::string name_;
};

RuleFile::By read_by(DataObject& file) {
  const std::string by = file.text("by");
  if (by == "line") return RuleFile::By::line;
  if (by == "audit") return RuleFile::By::audit;
  if (by == "act") return RuleFile::By::act;
  if (by == "cadf") return RuleFile::By::cadf;
  if (by == "kubernetes") return RuleFile::By::kubernetes;
  if (by == "openstack") return RuleFile::By::openstack;
  file.wrong("by", "must be line, audit, act, cadf, kubernetes or openstack");
  return RuleFile::By::line;
}

}  // namespace

Result<RuleFile> parse_rule_file(std::string_view json, std::vector<RuleExample>* examples) {
  auto parsed = parse_data_file(json);
  if (!parsed) return failure(parsed, "rules/classify");
  DataProblem problem;
  DataObject file(*parsed, "", problem);
  RuleFile read;
  if (file.text("format") != "yunjian/classify-rules/v1") {
    file.wrong("format", "must be \"yunjian/classify-rules/v1\"");
  }
  read.name = file.text("name");
  read.by = read_by(file);
  if (read.by == RuleFile::By::line) {
    if (file.has("programs")) read.programs = file.texts("programs");
    if (file.has("logs")) read.logs = file.texts("logs");
  }
  FileReader(file, read, examples).run();
  file.finish();
  const std::string where = fmt::format("rules/classify/{}.json", read.name);
  if (auto good = problem.result(where); !good) return failure(good);
  return read;
}

}  // namespace yunjian::rules
