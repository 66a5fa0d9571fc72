#include "ledger/successor.h"

#include "ledger/leaves.h"
#include "ledger/text_fields.h"

namespace yunjian::ledger {

std::string format_successor(const Successor& successor) {
  std::string out = "yunjian/successor/v1\n";
  append_field(out, "origin", successor.origin);
  append_field(out, "previous", successor.previous);
  append_field(out, "opened", successor.opened);
  append_field(out, "checkpoint", to_base64(successor.checkpoint));
  return out;
}

Result<Successor> parse_successor(std::string_view text) {
  FieldReader reader(text, "yunjian/successor/v1");
  Successor successor;
  successor.origin = reader.take("origin", is_origin);
  successor.previous = reader.take("previous");
  successor.opened = reader.take_time("opened");
  successor.checkpoint = reader.take_base64("checkpoint");
  if (auto done = reader.finish(); !done) return failure(done);
  auto dead = Verifier::from_vkey(successor.previous);
  if (!dead) return failure(dead, "successor leaf: previous");
  if (dead->name() == successor.origin) {
    return fail(ErrorKind::reject, "a log cannot succeed itself: a successor has a new origin");
  }
  if (auto checkpoint = open_checkpoint(successor.checkpoint, *dead); !checkpoint) {
    return failure(checkpoint, "successor leaf: checkpoint");
  }
  return successor;
}

Result<Successor> verify_successor(std::string_view leaf, const Verifier& log) {
  if (leaf.size() > leaf_bytes_max) {
    return fail(ErrorKind::reject, "a successor leaf is at most 4096 bytes long");
  }
  auto note = open_note(leaf, {log});
  if (!note) return failure(note, "successor leaf");
  auto successor = parse_successor(note->text);
  if (!successor) return successor;
  if (successor->origin == log.name()) return successor;
  return fail(ErrorKind::reject, "the successor leaf is of the log '" + successor->origin + "'");
}

}  // namespace yunjian::ledger
