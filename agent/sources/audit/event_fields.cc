#include "agent/sources/audit/event_fields.h"

#ifdef HAVE_LIBAUDIT
#include <libaudit.h>
#endif

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "ledger/base/bytes.h"
#include "ledger/record.h"

namespace yunjian::agent {
namespace {

constexpr std::uint64_t unset_id = 0xFFFFFFFF;
constexpr std::size_t arguments_max = 1024;
constexpr std::size_t argument_bytes_max = 64 * 1024;

enum class Form { plain, number, untrusted, result };

struct KnownField {
  std::string_view name;
  std::string_view key;
  Form form;
};

// Upper-case names are auditd's own: it resolves numbers when log_format is ENRICHED.
constexpr std::array<KnownField, 31> known_fields = {{
    {"acct", "audit.acct", Form::untrusted},
    {"addr", "audit.addr", Form::plain},
    {"AUID", "audit.auid_name", Form::untrusted},
    {"auid", "audit.auid", Form::number},
    {"cmd", "audit.command", Form::untrusted},
    {"comm", "audit.comm", Form::untrusted},
    {"cwd", "audit.cwd", Form::untrusted},
    {"EUID", "audit.euid_name", Form::untrusted},
    {"euid", "audit.euid", Form::number},
    {"exe", "audit.exe", Form::untrusted},
    {"exit", "audit.exit", Form::plain},
    {"grp", "audit.group", Form::untrusted},
    {"hostname", "audit.hostname", Form::plain},
    {"ID", "audit.id_name", Form::untrusted},
    {"id", "audit.id", Form::number},
    {"key", "audit.key", Form::untrusted},
    {"old-auid", "audit.old_auid", Form::number},
    {"OLD-AUID", "audit.old_auid_name", Form::untrusted},
    {"op", "audit.op", Form::plain},
    {"pid", "audit.pid", Form::number},
    {"ppid", "audit.ppid", Form::number},
    {"res", "audit.result", Form::result},
    {"ses", "audit.session", Form::number},
    {"success", "audit.result", Form::result},
    {"SYSCALL", "audit.syscall", Form::plain},
    {"table", "audit.table", Form::plain},
    {"terminal", "audit.terminal", Form::plain},
    {"tty", "audit.terminal", Form::plain},
    {"UID", "audit.uid_name", Form::untrusted},
    {"uid", "audit.uid", Form::number},
    {"unit", "audit.unit", Form::plain},
}};

// Text of any bytes as UTF-8 of at most `limit` bytes; what is cut off is marked.
std::string readable(std::string_view bytes, std::size_t limit) {
  std::string text =
      ledger::is_valid_utf8(bytes) ? std::string(bytes) : ledger::escape_bytes(bytes);
  if (text.size() <= limit) return text;
  std::size_t cut = limit;
  while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0U) == 0x80U) --cut;
  text.resize(cut);
  return text + "…";
}

// Words as a shell would take them again, so that it shows where one ends.
std::string join_words(const std::vector<std::string>& words) {
  constexpr std::string_view plain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./:,@%^";
  std::string out;
  for (const auto& word : words) {
    if (!out.empty()) out += ' ';
    const bool is_plain = std::all_of(word.begin(), word.end(), [&](char c) {
      return static_cast<unsigned char>(c) >= 0x80U || plain.find(c) != std::string_view::npos;
    });
    if (is_plain && !word.empty()) {
      out += word;
      continue;
    }
    out += '\'';
    for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    out += '\'';
  }
  return out;
}

std::vector<std::string> split_words(std::string_view bytes, char separator) {
  std::vector<std::string> words;
  while (!bytes.empty()) {
    const auto end = std::min(bytes.find(separator), bytes.size());
    words.emplace_back(bytes.substr(0, end));
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
  }
  return words;
}

class Decoder {
 public:
  AuditFieldMap decode(const AuditEvent& event);

 private:
  void take_line(const AuditLine& line);
  void take_field(const AuditField& field);
  void take_argument(const AuditField& field);
  void take_path(const AuditLine& line);
  void take_socket_address(const AuditField& field);
  void take_syscall(const AuditLine& line);
  void take_program(const AuditField& field);
  void name_unset_ids();
  void keep_limit();
  void set(std::string_view key, AuditValue&& value);
  void set_text(std::string_view key, std::string_view bytes, std::size_t limit = field_bytes_max);

  AuditFieldMap fields_;
  std::vector<std::string> types_;
  std::vector<std::string> arguments_;
  std::size_t argument_bytes_ = 0;
  std::vector<std::string> paths_;
  std::string title_;  // of the process: what is known of a command without EXECVE
};

AuditFieldMap Decoder::decode(const AuditEvent& event) {
  if (!event.stamped) return {};
  set("audit.serial", {.number = event.serial});
  if (!event.node.empty()) set_text("audit.node", event.node);
  for (const auto& text : event.lines) {
    if (const auto line = parse_audit_line(text)) take_line(*line);
  }
  if (!arguments_.empty()) set_text("audit.command", join_words(arguments_), command_bytes_max);
  if (!title_.empty()) set_text("audit.command", title_, command_bytes_max);
  if (!paths_.empty()) set_text("audit.path", join_words(paths_), command_bytes_max);
  if (!types_.empty()) set_text("audit.type", types_.front());
  std::string all;
  for (const auto& type : types_) all += (all.empty() ? "" : ",") + type;
  if (types_.size() > 1) set_text("audit.types", all);
  name_unset_ids();
  keep_limit();
  return std::move(fields_);
}

void Decoder::take_line(const AuditLine& line) {
  if (std::find(types_.begin(), types_.end(), line.type) == types_.end())
    types_.emplace_back(line.type);
  if (line.type == "PATH") return take_path(line);
  if (line.type == "OBJ_PID") return;  // tells of the processes that were acted on
  if (line.type == "SYSCALL") take_syscall(line);
  AuditFields reader(line.body);
  for (AuditField field; reader.next(field);) {
    if (line.type == "EXECVE") {
      take_argument(field);
    } else if (line.type == "PROCTITLE" && field.name == "proctitle") {
      take_program(field);
    } else if (line.type == "SOCKADDR" && field.name == "saddr") {
      take_socket_address(field);
    } else if (line.type == "KERN_MODULE" && field.name == "name") {
      if (const auto module = decode_untrusted(field)) set_text("audit.module", *module);
    } else {
      take_field(field);
    }
  }
}

void Decoder::take_field(const AuditField& field) {
  const auto known = std::find_if(known_fields.begin(), known_fields.end(),
                                  [&](const KnownField& row) { return row.name == field.name; });
  if (known == known_fields.end()) return;
  const auto limit = known->name == "cmd" ? command_bytes_max : field_bytes_max;
  switch (known->form) {
    case Form::number:
      if (const auto number = audit_number(field.value)) set(known->key, {.number = number});
      return;
    case Form::plain:
      if (!field.value.empty() && field.value != "?" && field.value != "(none)" &&
          field.value != "(null)")
        set_text(known->key, field.value, limit);
      return;
    case Form::untrusted:
      if (auto text = decode_untrusted(field); text && !text->empty()) {
        // Several keys of one rule stand behind each other.
        std::replace(text->begin(), text->end(), '\x01', ',');
        set_text(known->key, *text, limit);
      }
      return;
    case Form::result:
      if (field.value == "yes" || field.value == "success" || field.value == "1")
        set_text(known->key, "success");
      if (field.value == "no" || field.value == "failed" || field.value == "0")
        set_text(known->key, "failed");
      return;
  }
}

// a3="…", a3=HEX, or in pieces a3[0]=… a3[1]=…; argc, a3_len are passed over.
void Decoder::take_argument(const AuditField& field) {
  std::string_view name = field.name;
  if (!name.starts_with('a')) return;
  name = name.substr(1, name.find('[') - 1);
  const auto index = audit_number(name);
  if (!index || *index >= arguments_max) return;
  const auto text = decode_untrusted(field);
  if (!text || argument_bytes_ + text->size() > argument_bytes_max) return;
  argument_bytes_ += text->size();
  if (arguments_.size() <= *index) arguments_.resize(*index + 1);
  arguments_[*index] += *text;
}

void Decoder::take_program(const AuditField& field) {
  if (const auto text = decode_untrusted(field)) title_ = join_words(split_words(*text, '\0'));
}

void Decoder::take_path(const AuditLine& line) {
  std::optional<std::string> name;
  bool is_parent = false;
  AuditFields reader(line.body);
  for (AuditField field; reader.next(field);) {
    if (field.name == "name") name = decode_untrusted(field);
    if (field.name == "nametype") is_parent = field.value == "PARENT";
  }
  if (!name || is_parent || paths_.size() >= arguments_max) return;
  if (std::find(paths_.begin(), paths_.end(), *name) == paths_.end()) paths_.push_back(*name);
}

// The sockaddr of a call in hex, as this kind of machine lays it out: where it went, or came from.
void Decoder::take_socket_address(const AuditField& field) {
  const auto bytes = decode_untrusted(field);
  if (!bytes || bytes->size() < sizeof(sa_family_t)) return;
  sa_family_t family = 0;
  std::memcpy(&family, bytes->data(), sizeof family);
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (family == AF_INET && bytes->size() >= 8) {
    ::inet_ntop(AF_INET, bytes->data() + 4, text.data(), text.size());
  } else if (family == AF_INET6 && bytes->size() >= 24) {
    ::inet_ntop(AF_INET6, bytes->data() + 8, text.data(), text.size());
  } else if (family == AF_UNIX) {
    const std::string path = bytes->substr(sizeof family);
    const std::size_t begin = path.starts_with('\0') ? 1 : 0;  // a name without a file
    const std::string name = path.substr(begin, path.find('\0', begin) - begin);
    if (!name.empty()) paths_.push_back(name);
    return;
  } else {
    return;
  }
  set_text("audit.addr", text.data());
  const auto* port = reinterpret_cast<const unsigned char*>(bytes->data()) + 2;
  set("audit.port", {.number = std::uint64_t{port[0]} * 256 + port[1]});
}

// Names the call, unless auditd did: by libaudit's tables for the architecture of the record.
void Decoder::take_syscall(const AuditLine& line) {
  std::optional<std::uint64_t> architecture;
  std::string_view call;
  AuditFields reader(line.body);
  for (AuditField field; reader.next(field);) {
    if (field.name == "arch") architecture = audit_number(field.value, 16);
    if (field.name == "syscall") call = field.value;
    if (field.name == "SYSCALL") return set_text("audit.syscall", field.value);
  }
  [[maybe_unused]] const auto number = audit_number(call);
#ifdef HAVE_LIBAUDIT
  if (architecture && *architecture <= 0xFFFFFFFFU && number && *number < 100'000) {
    const int machine = audit_elf_to_machine(static_cast<unsigned>(*architecture));
    const char* name =
        machine < 0 ? nullptr : audit_syscall_to_name(static_cast<int>(*number), machine);
    if (name != nullptr) return set_text("audit.syscall", name);
  }
#endif
  if (!call.empty()) set_text("audit.syscall", call);
}

void Decoder::name_unset_ids() {
  const auto auid = fields_.find("audit.auid");
  if (auid != fields_.end() && auid->second.number == unset_id)
    set_text("audit.auid_name", "unset");
}

// Leaves out the longest, so that the keys always leave room for the message.
void Decoder::keep_limit() {
  const auto encoded = [](const AuditFieldMap::value_type& field) {
    std::string out;
    ledger::append_json_string(out, field.second.text);
    return out.size() + field.first.size() + 24;
  };
  std::size_t total = 0;
  for (const auto& field : fields_) total += encoded(field);
  while (total > fields_encoded_max) {
    const auto longest =
        std::max_element(fields_.begin(), fields_.end(),
                         [&](const auto& a, const auto& b) { return encoded(a) < encoded(b); });
    total -= encoded(*longest);
    fields_.erase(longest);
  }
}

void Decoder::set(std::string_view key, AuditValue&& value) {
  fields_.try_emplace(std::string(key), std::move(value));
}

void Decoder::set_text(std::string_view key, std::string_view bytes, std::size_t limit) {
  set(key, {.text = readable(bytes, limit), .number = std::nullopt});
}

}  // namespace

AuditFieldMap decode_event(const AuditEvent& event) { return Decoder().decode(event); }

std::optional<std::uint64_t> lost_count(const AuditEvent& event) {
  for (const auto& text : event.lines) {
    const auto line = parse_audit_line(text);
    // What programs report is theirs to choose; the kernel and auditd count.
    const bool trusted = !line || line->type == "KERNEL" || line->type == "AUDIT_STATUS" ||
                         line->type.starts_with("DAEMON_");
    if (!trusted) continue;
    AuditFields reader(line ? line->body : std::string_view(text));
    for (AuditField field; reader.next(field);) {
      if (field.name == "audit_lost" || (line && field.name == "lost"))
        return audit_number(field.value);
    }
  }
  return std::nullopt;
}

}  // namespace yunjian::agent
