#include "ledger/batch.h"

#include <zstd.h>

#include <algorithm>

#include "ledger/text_fields.h"

namespace yunjian::ledger {
namespace {

bool is_lower_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool is_boot_id(std::string_view id) {
  if (id.size() != 36) return false;
  for (std::size_t i = 0; i < id.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? id[i] != '-' : !is_lower_hex(id.substr(i, 1))) return false;
  }
  return true;
}

bool is_flag(std::string_view flag) {
  if (flag == "clean-start" || flag == "crash-start") return true;
  if (!flag.starts_with("skipped=")) return false;
  const auto count = parse_decimal(flag.substr(8));
  return count && *count > 0;
}

std::string join_flags(const std::vector<std::string>& flags) {
  if (flags.empty()) return "-";
  std::string out;
  for (const std::string& flag : flags) {
    if (!out.empty()) out += ' ';
    out += flag;
  }
  return out;
}

Result<std::vector<std::string>> split_flags(std::string_view text) {
  std::vector<std::string> flags;
  if (text == "-") return flags;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(' ', begin), text.size());
    const std::string_view flag = text.substr(begin, end - begin);
    if (!is_flag(flag)) return fail(ErrorKind::reject, "an unknown flag in the batch header");
    flags.emplace_back(flag);
    begin = end + 1;
  }
  return flags;
}

}  // namespace

bool is_agent_id(std::string_view id) { return id.size() == 32 && is_lower_hex(id); }

std::string stream_id(std::string_view agent, std::uint64_t incarnation) {
  return std::string(agent) + "." + std::to_string(incarnation);
}

Result<StreamName> parse_stream_id(std::string_view id) {
  const std::size_t dot = id.find('.');
  if (dot != std::string_view::npos && is_agent_id(id.substr(0, dot))) {
    auto incarnation = parse_decimal(id.substr(dot + 1));
    if (incarnation && *incarnation > 0) {
      return StreamName{std::string(id.substr(0, dot)), *incarnation};
    }
  }
  return fail(ErrorKind::reject, "not a stream id: <32 lower-case hex digits>.<incarnation>");
}

std::string agent_key_name(std::string_view origin, std::string_view agent) {
  return std::string(origin) + "/agent/" + std::string(agent);
}

std::string format_header(const BatchHeader& header) {
  std::string out = "yunjian/batch/v1\n";
  append_field(out, "agent", header.agent);
  append_field(out, "incarnation", std::to_string(header.incarnation));
  append_field(out, "batch", std::to_string(header.batch));
  append_field(out, "records",
               std::to_string(header.first_record) + " " + std::to_string(header.records));
  append_field(out, "root", to_base64(as_view(header.root)));
  append_field(out, "previous", to_base64(as_view(header.previous)));
  append_field(out, "sealed", format_time(header.sealed));
  append_field(out, "boot", header.boot_id + " " + std::to_string(header.boot_ms));
  append_field(out, "flags", join_flags(header.flags));
  append_field(out, "next", to_base64(header.next_key));
  return out;
}

Result<BatchHeader> parse_header(std::string_view text, const Suite& suite) {
  FieldReader reader(text, "yunjian/batch/v1");
  BatchHeader header;
  header.agent = reader.take("agent", is_agent_id);
  header.incarnation = reader.take_number("incarnation");
  header.batch = reader.take_number("batch");
  const auto [first, count] = reader.take_pair("records");
  header.first_record = reader.number("records", first);
  header.records = reader.number("records", count);
  header.root = reader.take_hash("root");
  header.previous = reader.take_hash("previous");
  header.sealed = reader.take_time("sealed");
  const auto [boot_id, boot_ms] = reader.take_pair("boot");
  if (!is_boot_id(boot_id)) reader.refuse("boot");
  header.boot_id = boot_id;
  header.boot_ms = reader.number("boot", boot_ms);
  auto flags = split_flags(reader.take("flags"));
  if (flags) {
    header.flags = std::move(*flags);
  } else {
    reader.refuse("flags");
  }
  header.next_key = reader.take_base64("next");
  if (!reader.failed() && !suite.is_public_key(header.next_key)) reader.refuse("next");
  if (header.incarnation == 0) reader.refuse("incarnation");
  auto done = reader.finish();
  if (!done) return failure(done);
  return header;
}

Result<SealedHeader> read_header(std::string_view note_bytes, const Suite& suite) {
  if (note_bytes.size() > header_bytes_max) {
    return fail(ErrorKind::reject, "a batch header is at most 4096 bytes long");
  }
  auto note = parse_note(note_bytes);
  if (!note) return failure(note);
  if (note->signatures.size() != 1) {
    return fail(ErrorKind::reject, "a batch header carries exactly one signature");
  }
  auto header = parse_header(note->text, suite);
  if (!header) return failure(header);
  return SealedHeader{std::move(*header), std::move(*note)};
}

bool header_signed_by(const SealedHeader& sealed, const Suite& suite, std::string_view origin,
                      std::string_view raw_public_key) {
  const Verifier key(suite, agent_key_name(origin, sealed.header.agent),
                     std::string(raw_public_key));
  return key.verify(sealed.note.text, sealed.note.signatures.front());
}

bool BatchBody::add(std::string_view line) {
  const std::size_t grown = lines_.size() + line.size() + (tree_.size() > 0 ? 1 : 0);
  if (tree_.size() == batch_records_max || (tree_.size() > 0 && grown > batch_bytes_max)) {
    return false;
  }
  if (tree_.size() > 0) lines_ += '\n';
  lines_ += line;
  tree_.add_leaf(line);
  return true;
}

void BatchBody::reset() {
  lines_.clear();
  tree_.reset();
}

struct BodyEncoder::Impl {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  std::string scratch;  // as long as the worst case; bodies are kept as long as they are
  ~Impl() { ZSTD_freeCCtx(context); }
};

BodyEncoder::BodyEncoder(int level) : impl_(std::make_unique<Impl>()) {
  ZSTD_CCtx_setParameter(impl_->context, ZSTD_c_compressionLevel, level);
  ZSTD_CCtx_setParameter(impl_->context, ZSTD_c_checksumFlag, 1);
  ZSTD_CCtx_setParameter(impl_->context, ZSTD_c_contentSizeFlag, 1);
}

BodyEncoder::~BodyEncoder() = default;

Result<void> BodyEncoder::encode(std::string_view lines, std::string& out) {
  out.clear();
  if (lines.empty()) return {};
  std::string& scratch = impl_->scratch;
  const std::size_t bound = ZSTD_compressBound(lines.size());
  if (scratch.size() < bound) scratch.resize(bound);
  const std::size_t size =
      ZSTD_compress2(impl_->context, scratch.data(), scratch.size(), lines.data(), lines.size());
  if (ZSTD_isError(size) != 0) {
    return fail(ErrorKind::fatal,
                std::string("cannot compress a body: ") + ZSTD_getErrorName(size));
  }
  out.assign(scratch, 0, size);
  return {};
}

struct BodyDecoder::Impl {
  ZSTD_DCtx* context = ZSTD_createDCtx();
  ~Impl() { ZSTD_freeDCtx(context); }
};

BodyDecoder::BodyDecoder() : impl_(std::make_unique<Impl>()) {
  ZSTD_DCtx_setParameter(impl_->context, ZSTD_d_windowLogMax, body_window_log_max);
}

BodyDecoder::~BodyDecoder() = default;

Result<void> BodyDecoder::decode(std::string_view body, std::string& out) {
  const auto refuse = [&out](std::string why) {
    out.clear();
    return fail(ErrorKind::reject, std::move(why));
  };
  if (body.empty()) {
    out.clear();
    return {};
  }
  if (body.size() > body_encoded_bytes_max) return refuse("the body is longer than 4 MiB");
  const unsigned long long declared = ZSTD_getFrameContentSize(body.data(), body.size());
  if (declared == ZSTD_CONTENTSIZE_ERROR) {
    return refuse("the body is not a zstd frame");
  }
  if (declared != ZSTD_CONTENTSIZE_UNKNOWN && declared > body_decoded_bytes_max) {
    return refuse("the body would decode to more than 4 MiB");
  }
  // What the last body left is overwritten, not cleared: a resize that shrinks writes nothing.
  const std::size_t room = declared == ZSTD_CONTENTSIZE_UNKNOWN ? body_decoded_bytes_max : declared;
  out.resize(room);
  ZSTD_DCtx_reset(impl_->context, ZSTD_reset_session_only);
  ZSTD_inBuffer in{body.data(), body.size(), 0};
  ZSTD_outBuffer decoded{out.data(), out.size(), 0};
  const std::size_t left = ZSTD_decompressStream(impl_->context, &decoded, &in);
  if (ZSTD_isError(left) != 0 || left != 0) {
    return refuse(std::string("the body does not decode: ") +
                  (ZSTD_isError(left) != 0 ? ZSTD_getErrorName(left)
                                           : "it is cut off or decodes to more than 4 MiB"));
  }
  out.resize(decoded.pos);
  if (in.pos != body.size()) return refuse("bytes follow the body's zstd frame");
  return {};
}

Result<std::vector<std::string_view>> split_lines(std::string_view joined, std::uint64_t records) {
  std::vector<std::string_view> lines;
  if (records == 0 && joined.empty()) return lines;
  // A hostile count must not drive an allocation.
  lines.reserve(std::min<std::uint64_t>(records, batch_records_max));
  for (std::size_t begin = 0; begin <= joined.size() && lines.size() < records;) {
    const std::size_t end = std::min(joined.find('\n', begin), joined.size());
    lines.push_back(joined.substr(begin, end - begin));
    begin = end + 1;
  }
  if (records != 0 && lines.size() == records && lines.back().end() == joined.end()) return lines;
  const auto found = std::count(joined.begin(), joined.end(), '\n') + 1;
  return fail(ErrorKind::reject, "the body holds " + std::to_string(found) +
                                     " lines, the header says " + std::to_string(records));
}

Hash lines_root(Hasher& hasher, const std::vector<std::string_view>& lines) {
  MerkleFrontier tree(hasher);
  for (const std::string_view line : lines) tree.add_leaf(line);
  return tree.root();
}

}  // namespace yunjian::ledger
