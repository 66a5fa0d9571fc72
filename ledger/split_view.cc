#include "ledger/split_view.h"

#include <fmt/format.h>

#include <map>

namespace yunjian::ledger {

namespace {

constexpr std::string_view form = "yunjian/split-view/v1\n";
constexpr std::size_t subtrees_max = 128;

// A source for both trees: a subtree across the border of the smaller one is made from its halves,
// so that all hashes taken lie on one side. `take` is asked from left to right.
class BothTrees {
 public:
  BothTrees(Hasher& hasher, std::uint64_t border, const SubtreeHash& take)
      : hasher_(hasher), border_(border), take_(take) {}

  Result<Hash> hash(unsigned level, std::uint64_t index) {
    const std::uint64_t begin = index << level;
    const std::uint64_t end = (index + 1) << level;
    if (begin < border_ && border_ < end) {
      auto left = hash(level - 1, index * 2);
      if (!left) return left;
      auto right = hash(level - 1, index * 2 + 1);
      if (!right) return right;
      return hasher_.node(*left, *right);
    }
    const auto known = taken_.find({level, index});
    if (known != taken_.end()) return known->second;
    auto fresh = take_(level, index);
    if (fresh) taken_.emplace(std::pair(level, index), *fresh);
    return fresh;
  }

 private:
  Hasher& hasher_;
  const std::uint64_t border_;
  const SubtreeHash& take_;
  std::map<std::pair<unsigned, std::uint64_t>, Hash> taken_;
};

struct Roots {
  Hash smaller{};
  Hash larger{};
};
Result<Roots> roots_by(Hasher& hasher, const TreeHead& smaller, const TreeHead& larger,
                       const SubtreeHash& take) {
  BothTrees trees(hasher, smaller.size, take);
  const auto source = [&](unsigned level, std::uint64_t index) { return trees.hash(level, index); };
  auto big = root_from_subtrees(hasher, larger.size, source);
  if (!big) return failure(big);
  auto small = root_from_subtrees(hasher, smaller.size, source);
  if (!small) return failure(small);
  return Roots{*small, *big};
}

bool take_note(std::string_view& rest, std::string_view name, std::string& into) {
  const std::size_t end = rest.find('\n');
  if (end == std::string_view::npos || !rest.starts_with(name)) return false;
  const auto size = parse_decimal(rest.substr(name.size(), end - name.size()));
  if (!size || rest.size() - end - 1 < *size) return false;
  into = rest.substr(end + 1, *size);
  rest.remove_prefix(end + 1 + *size);
  return true;
}

Failure not_one(std::string_view why) { return fail(ErrorKind::reject, std::string(why)); }

}  // namespace

Result<SplitView> prove_split_view(const Verifier& log, std::string_view one,
                                   std::string_view other, const SubtreeHash& subtree) {
  auto smaller = open_checkpoint(one, log);
  if (!smaller) return failure(smaller);
  auto larger = open_checkpoint(other, log);
  if (!larger) return failure(larger);
  SplitView view{std::string(one), std::string(other), {}};
  if (smaller->tree.size != larger->tree.size) {
    const auto record = [&](unsigned level, std::uint64_t index) {
      auto hash = subtree(level, index);
      if (hash) view.subtrees.push_back(*hash);
      return hash;
    };
    const auto hasher = log.suite().hasher();
    auto roots = roots_by(*hasher, smaller->tree, larger->tree, record);
    if (!roots) return failure(roots);
  }
  if (auto proven = check_split_view(view, log); !proven) return failure(proven);
  return view;
}

std::string format_split_view(const SplitView& view) {
  std::string out(form);
  out += fmt::format("one {}\n{}other {}\n{}subtrees {}\n", view.one.size(), view.one,
                     view.other.size(), view.other, view.subtrees.size());
  for (const Hash& hash : view.subtrees) out += to_base64(as_view(hash)) + "\n";
  return out;
}

Result<SplitView> parse_split_view(std::string_view bytes) {
  std::string_view rest = bytes;
  SplitView view;
  if (!rest.starts_with(form)) return not_one("not a yunjian/split-view/v1");
  rest.remove_prefix(form.size());
  std::string count;
  if (!take_note(rest, "one ", view.one) || !take_note(rest, "other ", view.other) ||
      !rest.starts_with("subtrees ")) {
    return not_one("a part of the evidence is missing or not valid");
  }
  rest.remove_prefix(std::min(rest.find('\n'), rest.size() - 1) + 1);
  while (!rest.empty() && view.subtrees.size() < subtrees_max) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    auto hash = hash_from_base64(rest.substr(0, end));
    if (!hash) return not_one("a hash of the evidence is not valid");
    view.subtrees.push_back(*hash);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  if (format_split_view(view) == bytes) return view;
  return not_one("the evidence is written in another way than the form's");
}

Result<SplitHeads> check_split_view(const SplitView& view, const Verifier& log) {
  auto one = open_checkpoint(view.one, log);
  if (!one) return failure(one, "the first note");
  auto other = open_checkpoint(view.other, log);
  if (!other) return failure(other, "the second note");
  const SplitHeads heads{one->tree, other->tree};
  if (heads.one.size == heads.other.size) {
    if (heads.one.root != heads.other.root && view.subtrees.empty()) return heads;
    return not_one("both notes are of the same tree");
  }
  if (heads.one.size > heads.other.size) return not_one("the larger tree comes first");
  const auto hasher = log.suite().hasher();
  std::size_t next = 0;
  const auto take = [&](unsigned, std::uint64_t) -> Result<Hash> {
    if (next == view.subtrees.size()) return not_one("a hash is missing");
    return view.subtrees[next++];
  };
  auto roots = roots_by(*hasher, heads.one, heads.other, take);
  if (!roots) return failure(roots);
  if (next != view.subtrees.size() || roots->larger != heads.other.root) {
    return not_one("the hashes do not lead to the larger tree's root");
  }
  if (roots->smaller == heads.one.root) {
    return not_one("the larger tree continues the smaller one");
  }
  return heads;
}

}  // namespace yunjian::ledger
