#include "collector/query/testing/random_query.h"

#include <vector>

namespace yunjian::collector::testing {
namespace {

// Words, phrases, prefixes, numbers, networks, patterns and existence, of what a line holds, of
// what is derived from it and of where it came from.
const std::vector<std::string>& conditions() {
  static const std::vector<std::string> all = {"failed",
                                               "password",
                                               "ops",
                                               "li",
                                               "登录",
                                               "登录失败",
                                               "单",
                                               "10.20.0.1",
                                               "10.20.0",
                                               "fe80::12",
                                               "10.0.0.0/8",
                                               "pass*",
                                               "p*word",
                                               "*word",
                                               "/fail(ed|ure)/",
                                               "\"for invalid\"",
                                               "json",
                                               "08:16",
                                               "host: web-01",
                                               "host: WEB-01",
                                               "host: case-01",
                                               "host: web*",
                                               "host: *",
                                               "unit: tax",
                                               "stream: a*",
                                               "kind: event",
                                               "kind: usage",
                                               "kind: *",
                                               "kind: (usage or event)",
                                               "severity: 6",
                                               "severity <= 3",
                                               "severity > 3",
                                               "process.name: sshd",
                                               "process.name: s*",
                                               "process.name: (sudo or cron)",
                                               "process.pid: 80*",
                                               "process.pid >= 803",
                                               "message: *",
                                               "message: failed",
                                               "message: 10.0.0.0/8",
                                               "message: /^用户/",
                                               "class_uid: 3002",
                                               "class_uid: (3002 and not 1007)",
                                               "actor.user.name: ops",
                                               "src_endpoint.ip: 10.20.0.0/16",
                                               "status_id: 2",
                                               "resource: passwd",
                                               "class_uid > 2000",
                                               "extra > 7",
                                               "nothing: *",
                                               "time >= 2026-01-01",
                                               "time < 2020-01-01",
                                               "cpu.used.mean >= 6",
                                               "user",
                                               "source: journal"};
  return all;
}

}  // namespace

std::string random_query(std::mt19937& random, int depth) {
  if (depth == 0 || random() % 3 == 0) return conditions()[random() % conditions().size()];
  switch (random() % 4) {
    case 0:
      return "not (" + random_query(random, depth - 1) + ")";
    case 1:
      return "(" + random_query(random, depth - 1) + " or " + random_query(random, depth - 1) + ")";
    default:
      return random_query(random, depth - 1) + " " + random_query(random, depth - 1);
  }
}

}  // namespace yunjian::collector::testing
