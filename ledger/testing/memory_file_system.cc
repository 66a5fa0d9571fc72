#include "ledger/testing/memory_file_system.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <set>

namespace yunjian::ledger::testing {
namespace {

struct Node;
using Names = std::map<std::string, std::shared_ptr<Node>, std::less<>>;

// A file or directory. A file's durable content is content[0, kept) followed by old_tail: the
// latter holds what a truncate that is not synced yet has cut from what was durable.
struct Node {
  bool is_directory = false;
  unsigned mode = 0;
  std::string content;
  std::size_t kept = 0;
  std::string old_tail;
  Names names;
  Names durable_names;

  void truncate(std::size_t size) {
    if (size < kept) {
      old_tail.insert(0, content, size, kept - size);
      kept = size;
    }
    content.resize(size);
  }

  void make_durable() {
    kept = content.size();
    old_tail.clear();
    durable_names = names;
  }
};

std::vector<std::string> parts_of(std::string_view path) {
  std::vector<std::string> parts;
  while (!path.empty()) {
    const std::size_t end = std::min(path.find('/'), path.size());
    const std::string_view part = path.substr(0, end);
    if (!part.empty() && part != ".") parts.emplace_back(part);
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return parts;
}

Failure reject(std::string_view operation, std::string_view path, std::string_view why) {
  std::string message(operation);
  message.append(" ").append(path).append(": ").append(why);
  return fail(ErrorKind::reject, std::move(message));
}

constexpr std::string_view no_such_file = "No such file or directory";

// What a power cut does to one node and everything below it.
class PowerCut {
 public:
  explicit PowerCut(const MemoryFileSystem::Keep& keep) : keep_(keep) {}

  void strike(Node& node, const std::string& path) {
    if (!struck_.insert(&node).second) return;
    if (!node.is_directory) return strike_file(node, path);
    node.names = node.durable_names;
    for (const auto& [name, child] : node.names) strike(*child, path + "/" + name);
  }

 private:
  void strike_file(Node& node, const std::string& path) {
    const std::size_t unsynced = node.content.size() - node.kept;
    const std::uint64_t wanted = keep_ && unsynced > 0 ? keep_(path, unsynced) : 0;
    const std::size_t survivors =
        static_cast<std::size_t>(std::min<std::uint64_t>(wanted, unsynced));
    node.content.resize(node.kept + survivors);
    // The new tail lies where the old one was: one of them is there, never both.
    if (survivors == 0) node.content += node.old_tail;
    node.make_durable();
  }

  const MemoryFileSystem::Keep& keep_;
  std::set<const Node*> struck_;
};

void collect_paths(const Node& node, const std::string& path, std::vector<std::string>& out) {
  for (const auto& [name, child] : node.names) {
    const std::string below = path + "/" + name;
    if (child->is_directory) {
      collect_paths(*child, below, out);
    } else {
      out.push_back(below);
    }
  }
}

}  // namespace

struct MemoryFileSystem::State {
  State() { root->is_directory = true; }

  // Where a path's last part is or would be.
  struct Place {
    std::shared_ptr<Node> directory;
    std::string name;
    std::shared_ptr<Node> node;  // empty when there is none
  };

  Result<Place> find(std::string_view operation, const std::string& path) const;
  Result<std::shared_ptr<Node>> find_file(std::string_view operation,
                                          const std::string& path) const;
  Result<std::shared_ptr<Node>> find_directory(std::string_view operation,
                                               const std::string& path) const;
  Result<std::shared_ptr<Node>> find_or_create(std::string_view operation, const std::string& path,
                                               unsigned mode);
  Fault decide_fate(std::string_view operation, const std::string& path);
  Failure injected(std::string_view operation, const std::string& path) const;

  // Runs `action(fault)` under the mutex unless its fate is not to happen. `action` looks at the
  // fault only when half of it can happen.
  template <typename Action>
  Result<void> change(std::string_view operation, const std::string& path, const Action& action);

  mutable std::mutex mutex;
  std::shared_ptr<Node> root = std::make_shared<Node>();
  std::set<const Node*> locked;
  std::uint64_t life = 0;  // one more after each crash
  Decide decide;
  ErrorKind fault_kind = ErrorKind::fatal;
  Fault planned = Fault::none;
  std::uint64_t planned_at = 0;
  bool planned_for_ever = false;
  std::uint64_t calls = 0;
};

auto MemoryFileSystem::State::find(std::string_view operation, const std::string& path) const
    -> Result<Place> {
  const std::vector<std::string> parts = parts_of(path);
  if (parts.empty()) return Place{root, "", root};
  std::shared_ptr<Node> directory = root;
  for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
    const auto child = directory->names.find(parts[i]);
    if (child == directory->names.end()) return reject(operation, path, no_such_file);
    directory = child->second;
    if (!directory->is_directory) return reject(operation, path, "Not a directory");
  }
  const auto child = directory->names.find(parts.back());
  return Place{directory, parts.back(), child == directory->names.end() ? nullptr : child->second};
}

Result<std::shared_ptr<Node>> MemoryFileSystem::State::find_file(std::string_view operation,
                                                                 const std::string& path) const {
  auto place = find(operation, path);
  if (!place) return failure(place);
  if (!place->node) return reject(operation, path, no_such_file);
  if (place->node->is_directory) return reject(operation, path, "Is a directory");
  return place->node;
}

Result<std::shared_ptr<Node>> MemoryFileSystem::State::find_directory(
    std::string_view operation, const std::string& path) const {
  auto place = find(operation, path);
  if (!place) return failure(place);
  if (!place->node) return reject(operation, path, no_such_file);
  if (!place->node->is_directory) return reject(operation, path, "Not a directory");
  return place->node;
}

Result<std::shared_ptr<Node>> MemoryFileSystem::State::find_or_create(std::string_view operation,
                                                                      const std::string& path,
                                                                      unsigned mode) {
  auto place = find(operation, path);
  if (!place) return failure(place);
  if (place->node && place->node->is_directory) return reject(operation, path, "Is a directory");
  if (place->node) return place->node;
  auto node = std::make_shared<Node>();
  node->mode = mode;
  place->directory->names[place->name] = node;
  return node;
}

Fault MemoryFileSystem::State::decide_fate(std::string_view operation, const std::string& path) {
  std::unique_lock guard(mutex);
  ++calls;
  const bool is_planned = calls == planned_at || (planned_for_ever && calls > planned_at);
  if (planned != Fault::none && is_planned) return planned;
  const Decide asked = decide;
  const std::uint64_t life_before = life;
  guard.unlock();
  const Fault fault = asked ? asked(operation, path) : Fault::none;
  guard.lock();
  return life == life_before ? fault : Fault::fail;
}

Failure MemoryFileSystem::State::injected(std::string_view operation,
                                          const std::string& path) const {
  const bool is_sync = operation == "sync" || operation == "sync_directory";
  return fail(is_sync ? ErrorKind::fatal : fault_kind,
              std::string(operation) + " " + path + ": injected fault");
}

template <typename Action>
Result<void> MemoryFileSystem::State::change(std::string_view operation, const std::string& path,
                                             const Action& action) {
  const Fault fault = decide_fate(operation, path);
  const std::lock_guard guard(mutex);
  if (fault == Fault::fail) return injected(operation, path);
  if (fault == Fault::fail_half && operation != "append") return injected(operation, path);
  Result<void> done = action(fault);
  if (done && fault != Fault::none) return injected(operation, path);
  return done;
}

// A handle on a node; valid until the next crash.
class MemoryFile : public File {
 public:
  enum class Use { append, read, lock };

  // The caller holds the mutex.
  MemoryFile(std::shared_ptr<MemoryFileSystem::State> state, std::shared_ptr<Node> node,
             std::string path, Use use)
      : state_(std::move(state)),
        node_(std::move(node)),
        path_(std::move(path)),
        use_(use),
        life_(state_->life) {}

  ~MemoryFile() override {
    const std::lock_guard guard(state_->mutex);
    if (use_ == Use::lock && life_ == state_->life) state_->locked.erase(node_.get());
  }

  Result<void> append(std::string_view bytes) override {
    return change("append", [&](Fault fault) {
      node_->content.append(fault == Fault::fail_half ? bytes.substr(0, bytes.size() / 2) : bytes);
    });
  }

  Result<void> sync() override {
    auto done = change("sync", [&](Fault) { node_->make_durable(); });
    if (!done) sync_failed_ = true;
    return done;
  }

  Result<void> truncate(std::uint64_t size) override {
    return change("truncate", [&](Fault) { node_->truncate(size); });
  }

  Result<std::uint64_t> size() const override {
    const std::lock_guard guard(state_->mutex);
    if (life_ != state_->life) return dead("size");
    return node_->content.size();
  }

  Result<std::string> read_at(std::uint64_t offset, std::uint64_t length) const override {
    const std::lock_guard guard(state_->mutex);
    if (life_ != state_->life) return dead("read");
    if (offset >= node_->content.size()) return std::string();
    return node_->content.substr(offset, length);
  }

 private:
  Failure dead(std::string_view operation) const {
    return fail(ErrorKind::fatal,
                std::string(operation) + " " + path_ + ": the file system crashed since");
  }

  template <typename Action>
  Result<void> change(std::string_view operation, const Action& action) {
    const auto refused = [&](std::string_view why) {
      return fail(ErrorKind::fatal, std::string(operation) + " " + path_ + ": " + std::string(why));
    };
    if (use_ == Use::read) return refused("Bad file descriptor");
    if (sync_failed_) return refused("an earlier sync of this file failed");
    return state_->change(operation, path_, [&](Fault fault) -> Result<void> {
      if (life_ != state_->life) return dead(operation);
      action(fault);
      return {};
    });
  }

  std::shared_ptr<MemoryFileSystem::State> state_;
  std::shared_ptr<Node> node_;
  std::string path_;
  Use use_;
  std::uint64_t life_;
  bool sync_failed_ = false;
};

MemoryFileSystem::MemoryFileSystem() : state_(std::make_shared<State>()) {}
MemoryFileSystem::~MemoryFileSystem() = default;

void MemoryFileSystem::set_decide(Decide decide) {
  const std::lock_guard guard(state_->mutex);
  state_->decide = std::move(decide);
}

void MemoryFileSystem::fail_nth(std::uint64_t nth, Fault fault, bool for_ever) {
  const std::lock_guard guard(state_->mutex);
  state_->planned = fault;
  state_->planned_at = state_->calls + nth;
  state_->planned_for_ever = for_ever;
}

void MemoryFileSystem::set_fault_kind(ErrorKind kind) {
  const std::lock_guard guard(state_->mutex);
  state_->fault_kind = kind;
}

std::uint64_t MemoryFileSystem::changing_calls() const {
  const std::lock_guard guard(state_->mutex);
  return state_->calls;
}

void MemoryFileSystem::crash() { crash_keeping(nullptr); }

void MemoryFileSystem::crash_keeping(const Keep& keep) {
  const std::lock_guard guard(state_->mutex);
  ++state_->life;
  state_->locked.clear();
  PowerCut(keep).strike(*state_->root, "");
}

Result<std::string> MemoryFileSystem::content(const std::string& path) const {
  const std::lock_guard guard(state_->mutex);
  auto node = state_->find_file("content", path);
  if (!node) return failure(node);
  return (*node)->content;
}

Result<unsigned> MemoryFileSystem::mode(const std::string& path) const {
  const std::lock_guard guard(state_->mutex);
  auto place = state_->find("mode", path);
  if (!place) return failure(place);
  if (!place->node) return reject("mode", path, no_such_file);
  return place->node->mode;
}

void MemoryFileSystem::overwrite(const std::string& path, std::string bytes) {
  const std::lock_guard guard(state_->mutex);
  const std::vector<std::string> parts = parts_of(path);
  std::shared_ptr<Node> node = state_->root;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    std::shared_ptr<Node>& child = node->names[parts[i]];
    if (!child) {
      child = std::make_shared<Node>();
      child->is_directory = i + 1 < parts.size();
    }
    node->durable_names[parts[i]] = child;
    node = child;
  }
  require(!node->is_directory, "overwrite() needs a file's path");
  node->content = std::move(bytes);
  node->make_durable();
}

std::vector<std::string> MemoryFileSystem::paths() const {
  const std::lock_guard guard(state_->mutex);
  std::vector<std::string> found;
  collect_paths(*state_->root, "", found);
  std::sort(found.begin(), found.end());
  return found;
}

Result<std::unique_ptr<File>> MemoryFileSystem::open_append(const std::string& path,
                                                            unsigned mode) {
  std::unique_ptr<File> file;
  auto done = state_->change("open_append", path, [&](Fault) -> Result<void> {
    auto node = state_->find_or_create("open", path, mode);
    if (!node) return failure(node);
    file = std::make_unique<MemoryFile>(state_, *node, path, MemoryFile::Use::append);
    return {};
  });
  if (!done) return failure(done);
  return file;
}

Result<std::unique_ptr<File>> MemoryFileSystem::open_read(const std::string& path) {
  const std::lock_guard guard(state_->mutex);
  auto node = state_->find_file("open", path);
  if (!node) return failure(node);
  return std::make_unique<MemoryFile>(state_, *node, path, MemoryFile::Use::read);
}

Result<std::string> MemoryFileSystem::read_file(const std::string& path) {
  const std::lock_guard guard(state_->mutex);
  auto node = state_->find_file("open", path);
  if (!node) return failure(node);
  return (*node)->content;
}

Result<bool> MemoryFileSystem::exists(const std::string& path) {
  const std::lock_guard guard(state_->mutex);
  auto place = state_->find("stat", path);
  return place && place->node;
}

Result<std::vector<std::string>> MemoryFileSystem::list(const std::string& directory) {
  const std::lock_guard guard(state_->mutex);
  auto node = state_->find_directory("list", directory);
  if (!node) return failure(node);
  std::vector<std::string> names;
  for (const auto& [name, child] : (*node)->names) names.push_back(name);
  return names;
}

Result<void> MemoryFileSystem::make_directory(const std::string& path, unsigned mode) {
  return state_->change("make_directory", path, [&](Fault) -> Result<void> {
    auto place = state_->find("make directory", path);
    if (!place) return failure(place);
    if (place->node && place->node->is_directory) return {};
    if (place->node) return reject("make directory", path, "File exists");
    auto node = std::make_shared<Node>();
    node->is_directory = true;
    node->mode = mode;
    place->directory->names[place->name] = std::move(node);
    return {};
  });
}

Result<void> MemoryFileSystem::rename(const std::string& from, const std::string& to) {
  return state_->change("rename", from, [&](Fault) -> Result<void> {
    auto source = state_->find("rename", from);
    if (!source) return failure(source);
    auto target = state_->find("rename", to);
    if (!target) return failure(target);
    if (!source->node) return reject("rename", from, no_such_file);
    const Node* replaced = target->node.get();
    if (replaced == source->node.get()) return {};
    if (replaced && replaced->is_directory != source->node->is_directory) {
      return reject("rename", to, replaced->is_directory ? "Is a directory" : "Not a directory");
    }
    if (replaced && !replaced->names.empty()) return reject("rename", to, "Directory not empty");
    target->directory->names[target->name] = source->node;
    source->directory->names.erase(source->name);
    return {};
  });
}

Result<void> MemoryFileSystem::remove(const std::string& path) {
  return state_->change("remove", path, [&](Fault) -> Result<void> {
    auto place = state_->find("remove", path);
    if (!place) return failure(place);
    if (!place->node) return reject("remove", path, no_such_file);
    if (!place->node->names.empty()) return reject("remove", path, "Directory not empty");
    place->directory->names.erase(place->name);
    return {};
  });
}

Result<void> MemoryFileSystem::sync_directory(const std::string& path) {
  return state_->change("sync_directory", path, [&](Fault) -> Result<void> {
    auto node = state_->find_directory("sync directory", path);
    if (!node) return failure(node);
    (*node)->make_durable();
    return {};
  });
}

Result<std::unique_ptr<File>> MemoryFileSystem::lock(const std::string& path) {
  const std::lock_guard guard(state_->mutex);
  auto node = state_->find_or_create("lock", path, 0600);
  if (!node) return failure(node);
  if (!state_->locked.insert(node->get()).second) {
    return fail(ErrorKind::retry, "lock " + path + ": another process holds it");
  }
  return std::make_unique<MemoryFile>(state_, *node, path, MemoryFile::Use::lock);
}

}  // namespace yunjian::ledger::testing
