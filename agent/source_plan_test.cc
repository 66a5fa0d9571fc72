#include "agent/source_plan.h"

#include <doctest/doctest.h>

#include "agent/sources/testing/collecting_sink.h"

namespace yunjian::agent {
namespace {

using std::chrono::seconds;
using testing::append;
using Lines = std::vector<std::string>;

// The sources of a configuration that changes while they run.
struct Host {
  testing::TemporaryDirectory directory;
  testing::CollectingSink sink;
  SourceSet set;
  SourceSet::Sources sources;
  Positions positions;
  std::vector<std::string> added, removed;
  ledger::Time now{std::chrono::hours(24 * 365 * 50)};

  FileConfig files(const std::vector<std::string>& names) const {
    FileConfig file;
    for (const auto& name : names) file.paths.push_back(directory / name);
    return file;
  }
  // As the agent does it at SIGHUP.
  void configure(std::vector<FileConfig> files) {
    AgentConfig config;
    config.files = std::move(files);
    config.journal = config.audit = false;
    for (const auto& source : sources)
      positions.insert_or_assign(std::string(source->name()), source->position());
    auto change = set.exchange(std::move(sources), plan_sources(config));
    sources = std::move(change.sources);
    added = change.added;
    removed = change.removed;
    regroup_file_positions(positions, config.files);
    for (Source* source : change.fresh) source->restore(positions[std::string(source->name())]);
  }
  void poll() {
    now += seconds(1);
    for (const auto& source : sources) source->poll(now, sink);
  }
};

TEST_CASE("a file that goes from one table to another is neither read twice nor left out") {
  Host host;
  append(host.directory / "a.log", "a1\n");
  append(host.directory / "b.log", "b1\n");
  host.configure({host.files({"a.log", "b.log"})});
  host.poll();
  append(host.directory / "a.log", "a2\n");
  append(host.directory / "b.log", "b2\n");
  SUBCASE("split") { host.configure({host.files({"b.log"}), host.files({"a.log"})}); }
  SUBCASE("renamed") { host.configure({host.files({"*.log"})}); }
  SUBCASE("extended") { host.configure({host.files({"a.log", "b.log", "c.log"})}); }
  host.poll();
  auto messages = host.sink.messages();
  std::sort(messages.begin(), messages.end());
  CHECK(messages == Lines{"a1", "a2", "b1", "b2"});
}

TEST_CASE("a file that is configured no more is not read, and goes on when it comes back") {
  Host host;
  append(host.directory / "a.log", "a1\n");
  append(host.directory / "b.log", "b1\n");
  host.configure({host.files({"a.log", "b.log"})});
  host.poll();
  host.configure({host.files({"a.log"})});
  CHECK(host.removed.size() == 1);
  CHECK(host.added.size() == 1);
  append(host.directory / "b.log", "b2\n");
  host.poll();
  CHECK(host.sink.messages() == Lines{"a1", "b1"});
  host.configure({host.files({"a.log", "b.log"})});
  host.poll();
  CHECK(host.sink.messages() == Lines{"a1", "b1", "b2"});
}

TEST_CASE("sources with the same settings run on untouched") {
  Host host;
  host.configure({host.files({"a.log"})});
  const Source* before = host.sources.front().get();
  host.configure({host.files({"a.log"})});
  CHECK(host.sources.front().get() == before);
  CHECK(host.added.empty());
  CHECK(host.removed.empty());
}

TEST_CASE("a table that followed nothing yet has nevertheless had its first start") {
  Host host;
  auto file = host.files({"a.log"});
  file.from_end = true;
  host.configure({file});
  host.poll();
  auto changed = file;
  changed.exclude = {"nothing"};
  append(host.directory / "a.log", "a1\n");
  host.configure({changed});
  host.poll();
  CHECK(host.sink.messages() == Lines{"a1"});
}

}  // namespace
}  // namespace yunjian::agent
