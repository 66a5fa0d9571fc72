#include "rules/month/facts_fold.h"

#include <doctest/doctest.h>

#include "rules/calendar/china_time.h"

namespace yunjian::rules {
namespace {

using namespace std::chrono_literals;
using ledger::Time;

constexpr Month october = 2026y / 10;
const Time from = month_begin(october);
const std::string stream(32, 'a');

class Host {
 public:
  void usage(Time time, double used, std::uint64_t kills) {
    std::string line;
    ledger::RecordWriter writer(line, time, "usage");
    writer.decimal("fs.used./", used).integer("system.oom_kills", kills);
    writer.finish();
    add(line);
  }
  void event(Time time, std::string_view program, std::string_view message) {
    std::string line;
    ledger::RecordWriter writer(line, time, "event");
    writer.text("source", "journal").text("process.name", program).message(message);
    writer.finish();
    add(line);
  }
  MonthFacts facts() const { return fold_.finish(); }

 private:
  void add(const std::string& line) {
    const auto record = ledger::parse_record(line);
    REQUIRE(record);
    fold_.add(**record, stream, number_++);
  }
  FactsFold fold_{from, month_end(october)};
  std::uint64_t number_ = 0;
};

constexpr std::string_view accepted = "Accepted publickey for li from 10.0.0.9 port 22 ssh2";
constexpr std::string_view request =
    "10.20.0.1 - - [22/Oct/2026:08:16:05 +0800] \"GET /a HTTP/1.1\" 200 612 \"-\" \"curl\"";

TEST_CASE("where no log record is, logins are unknown; where one is, they are counted") {
  Host host;
  host.usage(from + 1h, 10, 0);
  CHECK_FALSE(host.facts().logins);
  host.event(from + 2h, "cron", "nothing");
  CHECK(host.facts().logins == 0);
  host.event(from + 3h, "sshd", accepted);
  host.event(from - 1s, "sshd", accepted);  // of the month before
  CHECK(host.facts().logins == 1);
  CHECK_FALSE(host.facts().accesses);
  host.event(from + 4h, "nginx", request);
  CHECK(host.facts().accesses == 1);
}

TEST_CASE("the month's last usage record tells of file systems, in whatever order records come") {
  Host host;
  host.usage(from + 20 * 24h + 1min, 71, 1);
  host.usage(from + 20 * 24h, 50, 1);
  host.usage(from + 10 * 24h, 61, 2);
  host.usage(from + 17 * 24h, 70.5, 0);  // within the week: growth is not counted from it
  CHECK(host.facts().disk_used == 7100);
  CHECK(host.facts().disk_full_days == 29);
  CHECK(host.facts().oom_kills == 4);
}

}  // namespace
}  // namespace yunjian::rules
