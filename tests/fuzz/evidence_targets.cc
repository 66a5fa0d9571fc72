#include <array>

#include "ledger/archive/bloom.h"
#include "ledger/archive/header_block.h"
#include "ledger/archive/lane_block.h"
#include "ledger/archive/part.h"
#include "ledger/archive/part_manifest.h"
#include "ledger/archive/part_reader.h"
#include "ledger/archive/segment.h"
#include "ledger/archive/wal_entry.h"
#include "ledger/batch.h"
#include "ledger/checkpoint.h"
#include "ledger/leaves.h"
#include "ledger/record.h"
#include "ledger/record_proof.h"
#include "ledger/testing/memory_file_system.h"
#include "ledger/usage_hour.h"
#include "ledger/wire.h"
#include "tests/fuzz/targets.h"

namespace yunjian::fuzz {
namespace {

using ledger::require;

void frame(std::string_view bytes) {
  const auto frames = ledger::split_frames(bytes);
  if (!frames) return;
  std::string again;
  ledger::BodyDecoder decoder;
  std::string lines;
  for (const ledger::FrameRef& each : *frames) {
    ledger::append_frame(again, each.header, each.body);
    for (const ledger::Suite* suite : ledger::all_suites()) {
      const auto sealed = ledger::read_header(each.header, *suite);
      if (!sealed) continue;
      require(ledger::format_header(sealed->header) == sealed->note.text, "a header has one form");
      if (decoder.decode(each.body, lines)) {
        static_cast<void>(ledger::split_lines(lines, sealed->header.records));
      }
    }
  }
  require(again == bytes, "frames are the whole post");
}

void body(std::string_view bytes) {
  ledger::BodyDecoder decoder;
  std::string lines;
  if (!decoder.decode(bytes, lines)) return;
  require(lines.size() <= (4U << 20), "a body decodes to at most 4 MiB");
}

void note(std::string_view bytes) {
  const auto parsed = ledger::parse_note(bytes);
  if (!parsed) return;
  require(ledger::format_note(parsed->text, parsed->signatures) == bytes, "a note has one form");
  static_cast<void>(ledger::parse_checkpoint(parsed->text));
  static_cast<void>(ledger::parse_enrolment(parsed->text));
  static_cast<void>(ledger::leaf_name(bytes));
  static_cast<void>(ledger::parse_tlog_proof(bytes));
  static_cast<void>(ledger::Verifier::from_vkey(bytes));
}

void proof(std::string_view bytes) {
  static_cast<void>(ledger::parse_tlog_proof(bytes));
  const auto parsed = ledger::parse_proof(bytes);
  if (parsed) require(ledger::format_proof(*parsed) == bytes, "a proof has one form");
}

void record(std::string_view bytes) {
  bool canonical = false;
  const auto parsed = ledger::parse_record(bytes, &canonical);
  if (!parsed) {
    require(!canonical, "what cannot be read is not canonical");
    return;
  }
  static_cast<void>((*parsed)->find("time"));
  static_cast<void>((*parsed)->find_integer("n"));
  static_cast<void>((*parsed)->find_number("cpu.used"));
  static_cast<void>(ledger::read_usage_hour(**parsed));
  if (canonical) require(bytes.find('\n') == bytes.npos, "a canonical line is one line");
}

// The pieces of a part, behind their checksums; the first byte says which.
void part(std::string_view bytes) {
  if (bytes.empty()) return;
  const std::string_view piece = bytes.substr(1);
  switch (static_cast<unsigned char>(bytes[0]) % 8) {
    case 0:
      if (const auto footer = ledger::decode_footer(piece)) {
        static_cast<void>(ledger::encode_footer(*footer));
      }
      return;
    case 1:
      static_cast<void>(ledger::decode_lane_index(piece));
      return;
    case 2:
      static_cast<void>(ledger::decode_streams(piece));
      return;
    case 3:
      static_cast<void>(ledger::decode_leaves(piece));
      return;
    case 4:
      static_cast<void>(ledger::decode_fork_body(piece));
      return;
    case 5: {
      const auto block = ledger::HeaderBlock::open(piece);
      if (block) static_cast<void>(block->notes(ledger::default_suite()));
      return;
    }
    case 6: {
      auto block = ledger::LaneBlock::open_whole(std::string(piece));
      if (!block || !block->load_lines()) return;
      std::string line;
      for (std::size_t row = 0; row < block->rows(); ++row) {
        line.clear();
        block->append_line(row, line);
      }
      return;
    }
    default:
      static_cast<void>(ledger::bloom_line_has(piece, 0x1234567890abcdef));
      static_cast<void>(ledger::parse_manifest(piece));
      return;
  }
}

void part_file(std::string_view bytes) {
  ledger::testing::MemoryFileSystem files;
  static_cast<void>(files.make_directory("/parts", 0700));
  const std::string name = "/parts/" + ledger::part_name(1);
  static_cast<void>(ledger::replace_file(files, name, bytes, 0600));
  const auto reader = ledger::PartReader::open(files, "/parts", 1);
  if (reader) static_cast<void>((*reader)->check(files));
}

void segment(std::string_view bytes) {
  ledger::testing::MemoryFileSystem files;
  static_cast<void>(ledger::replace_file(files, "/1.seg", bytes, 0600));
  static_cast<void>(
      ledger::scan_segment(files, "/1.seg", ledger::no_number,
                           [](const ledger::FrameView& frame) -> ledger::Result<void> {
                             static_cast<void>(ledger::decode_wal_entry(frame.type, frame.payload));
                             return {};
                           }));
  if (!bytes.empty()) {
    static_cast<void>(
        ledger::decode_wal_entry(static_cast<std::uint8_t>(bytes[0]), bytes.substr(1)));
  }
}

constexpr std::array targets{Target{"frame", frame},         Target{"body", body},
                             Target{"note", note},           Target{"proof", proof},
                             Target{"record", record},       Target{"part", part},
                             Target{"part_file", part_file}, Target{"segment", segment}};

}  // namespace

std::span<const Target> evidence_targets() { return targets; }

}  // namespace yunjian::fuzz
