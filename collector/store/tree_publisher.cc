#include "collector/store/tree_publisher.h"

#include <fmt/format.h>

#include <vector>

namespace yunjian::collector {

using ledger::ErrorKind;
using ledger::fail;
using ledger::FileSystem;
using ledger::Hash;
using ledger::Result;
using ledger::TreeHead;

namespace {

constexpr unsigned public_mode = 0644;

Result<std::string> sign_tree(const TreePublisher::Signer& signer, const TreeHead& tree) {
  const std::string text =
      ledger::format_checkpoint({.origin = signer.verifier.name(), .tree = tree, .extensions = {}});
  auto line = signer.sign(text);
  if (!line) return failure(line, "signing the checkpoint");
  return ledger::format_note(text, {*line});
}

Result<TreeHead> read_anchor(FileSystem& files, const std::string& path,
                             const ledger::Verifier& verifier) {
  auto note = files.read_file(path);
  if (!note) {
    return fail(ErrorKind::fatal,
                fmt::format("cannot read the anchor {} ({}). It says how far this log was signed; "
                            "without it nothing may be signed. Restore it from backup, or copy the "
                            "newest checkpoint that a witness holds there",
                            path, note.error().message));
  }
  auto checkpoint = ledger::open_checkpoint(*note, verifier);
  if (!checkpoint) {
    return fail(ErrorKind::fatal,
                fmt::format("the anchor {} is no checkpoint signed by this log's key ({}). It "
                            "belongs to another log, or was changed: restore it from backup",
                            path, checkpoint.error().message));
  }
  return checkpoint->tree;
}

Result<TreeHead> read_checkpoint(FileSystem& files, const std::string& path,
                                 const ledger::Verifier& verifier) {
  auto there = files.exists(path);
  if (!there) return failure(there);
  if (!*there) return TreeHead{};
  auto note = files.read_file(path);
  if (!note) return failure(note);
  auto checkpoint = ledger::open_checkpoint(*note, verifier);
  if (!checkpoint) {
    return fail(ErrorKind::corrupt,
                fmt::format("the checkpoint file {} is not signed by this log's key ({}). The "
                            "anchor says how far the log was signed: find out who changed the "
                            "file, then move it away and start again",
                            path, checkpoint.error().message));
  }
  return checkpoint->tree;
}

ledger::Failure another_tree(std::string_view name, std::uint64_t size) {
  return fail(ErrorKind::fatal,
              fmt::format("the {} names another tree of {} leaves than the WAL holds: signed "
                          "history was changed. This log must not go on; restore the data "
                          "directory from backup",
                          name, size));
}

Result<void> check_prefix(const TreeHead& before, std::string_view name,
                          const TreePublisher::Leaves& leaves, ledger::Hasher& hasher) {
  if (before.size > leaves.size()) {
    return fail(
        ErrorKind::fatal,
        fmt::format("the {} names a tree of {} leaves, the WAL holds {}: leaves that were signed "
                    "are lost (was an older copy of the data directory restored?). This log must "
                    "not go on; restore the missing WAL, or open a successor with `init "
                    "--successor-of`",
                    name, before.size, leaves.size()));
  }
  if (before.size == 0 || before.size < leaves.filed) return {};
  auto tree = ledger::MerkleFrontier::resume(hasher, leaves.filed, leaves.filed_peaks);
  if (!tree) return fail(ErrorKind::corrupt, tree.error().message);
  for (std::uint64_t i = leaves.filed; i < before.size; ++i) {
    tree->add_hash(leaves.behind[i - leaves.filed]);
  }
  return tree->root() == before.root ? Result<void>() : another_tree(name, before.size);
}

}  // namespace

Result<void> TreePublisher::create(FileSystem& files, const Paths& paths, const Signer& signer,
                                   const Hash& leaf0) {
  auto publisher = open(files, paths, signer, Leaves{});
  if (!publisher) return failure(publisher);
  auto published = (*publisher)->publish({&leaf0, 1});
  if (!published) return failure(published);
  return (*publisher)->store(*published);
}

Result<TreePublisher::Signed> TreePublisher::read_signed(FileSystem& files, const Paths& paths,
                                                         const ledger::Verifier& verifier) {
  auto anchor = read_anchor(files, paths.anchor, verifier);
  if (!anchor) return failure(anchor);
  auto checkpoint = read_checkpoint(files, paths.checkpoint, verifier);
  if (!checkpoint) return failure(checkpoint);
  return Signed{*anchor, *checkpoint};
}

Result<std::unique_ptr<TreePublisher>> TreePublisher::open(FileSystem& files, const Paths& paths,
                                                           const Signer& signer,
                                                           const Leaves& leaves) {
  const auto hash = [&](std::uint64_t index) -> Result<Hash> {
    if (index < leaves.filed) return leaves.filed_hash(index);
    return leaves.behind.at(index - leaves.filed);
  };
  auto tiles = ledger::TileStore::open(files, paths.directory, signer.suite, {leaves.size(), hash});
  if (!tiles) return failure(tiles, "the tiles in " + paths.directory);
  return std::unique_ptr<TreePublisher>(new TreePublisher(files, paths, signer, std::move(*tiles)));
}

Result<void> TreePublisher::check(const Signed& before, const Signer& signer,
                                  const Leaves& leaves) {
  const auto hasher = signer.suite.hasher();
  auto good = check_prefix(before.anchor, "anchor", leaves, *hasher);
  if (!good) return good;
  return check_prefix(before.checkpoint, "checkpoint file", leaves, *hasher);
}

Result<void> TreePublisher::check_filed(const Signed& before) const {
  const auto hasher = signer_.suite.hasher();
  for (const auto& [tree, name] :
       {std::pair(before.anchor, "anchor"), std::pair(before.checkpoint, "checkpoint file")}) {
    if (tree.size == 0) continue;
    auto root = ledger::root_from_subtrees(*hasher, tree.size, tiles_->source());
    if (!root) return failure(root);
    if (*root != tree.root) return another_tree(name, tree.size);
  }
  return {};
}

Result<Published> TreePublisher::publish(std::span<const Hash> leaves) {
  for (const Hash& leaf : leaves) {
    if (auto added = tiles_->append(leaf); !added) return failure(added, "writing tiles");
  }
  auto tree = tiles_->head();
  if (!tree) return failure(tree);
  auto note = sign_tree(signer_, *tree);
  if (!note) return failure(note);
  auto anchored = ledger::replace_file(files_, paths_.anchor, *note, public_mode);
  if (!anchored) return failure(anchored, "writing the anchor");
  return Published{std::move(*note), *tree};
}

Result<void> TreePublisher::store(const Published& published) {
  if (auto synced = tiles_->sync(); !synced) return failure(synced, "writing tiles");
  auto stored = ledger::replace_file(files_, paths_.checkpoint, published.note, public_mode);
  if (!stored) return failure(stored, "writing the checkpoint");
  return {};
}

}  // namespace yunjian::collector
