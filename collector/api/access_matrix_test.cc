// Every role, with every scope, on every address, with ids that are its own, somebody else's or
// nobody's, in paths, parameters and bodies: nobody gets what is not his, is told apart what is
// foreign from what is absent, or meets an error of the collector's.
#include <array>
#include <random>
#include <set>

#include "collector/api/base64url.h"
#include "collector/api/testing/full_kit.h"

namespace yunjian::collector {
namespace {

using testing::FullKit;
using testing::Parameters;
using testing::Whose;

// A request with names of ids in braces: {host}, {stream} …
struct Template {
  std::string method = "GET";
  std::string path;
  Parameters query = {};
  std::string body = {};
  std::string type = "application/json";
};

// All that is asked by GET.
std::vector<Template> reads() {
  std::vector<Template> all;
  const auto add = [&](const std::string& path, Parameters query = {}) {
    all.push_back({.path = path, .query = std::move(query)});
  };
  for (const char* open :
       {"/healthz", "/openapi.json", "/metrics", "/checkpoint", "/tile/0/000.p/1", "/tile/9/999",
        "/v1/log", "/v1/log/candidate", "/v1/log/witnessed", "/v1/log/lists/1", "/v1/log/batches/0",
        "/v1/me", "/v1/accounts", "/v1/grants", "/v1/tokens", "/v1/operations", "/v1/reports"}) {
    add(open);
  }
  for (const char* page : {"/v1/hosts", "/v1/streams", "/v1/findings", "/v1/exemptions",
                           "/v1/grants", "/v1/search", "/v1/access"}) {
    add(page);
    add(page, {{"limit", "1"}});
  }
  for (const char* q : {"host: {host}", "unit: {unit}", "stream: \"{stream}\"", "login",
                        "host: {host} or unit: {unit}", "kind: usage and host: {host}",
                        "not host: {host}", "{unit}"}) {
    add("/v1/search", {{"q", q}});
    add("/v1/search", {{"q", q}, {"explain", "true"}, {"order", "asc"}});
    add("/v1/hits", {{"q", q}, {"field", "host"}, {"step", "1h"}});
    add("/v1/hits", {{"q", q}, {"field", "unit"}});
    add("/v1/facets", {{"q", q}, {"fields", "host,unit,stream,message,source"}});
    add("/v1/fields", {{"q", q}});
    add("/v1/exports", {{"q", q}});
    add("/v1/exports", {{"q", q}, {"format", "csv"}});
    add("/v1/tail", {{"q", q}, {"seconds", "1"}});
  }
  add("/v1/exports", {{"after", "{stream}/0"}});
  for (const char* number : {"0", "7", "20", "21", "99"}) {
    add("/v1/records/{stream}/" + std::string(number));
    add("/v1/records/{stream}/" + std::string(number) + "/proof");
  }
  for (const char* step : {"minute", "hour"}) add("/v1/hosts/{host}/usage", {{"step", step}});
  for (const char* batch : {"0", "1"}) add("/v1/streams/{stream}/batches/" + std::string(batch));
  add("/v1/findings", {{"host", "{host}"}});
  add("/v1/findings", {{"host", "{host}"}, {"open", "true"}, {"month", "2026-10"}});
  add("/v1/findings/{finding}");
  for (const KindDef& kind : registry_kinds()) {
    const bool operations = kind.shelf == Shelf::operations;
    const std::string path =
        fmt::format("/v1/{}/{}", operations ? "operations" : "inventory", kind.key);
    add(path);
    add(path, {{"format", "csv"}});
    add(path, {{"limit", "1"}});
  }
  add("/v1/exemptions", {{"format", "csv"}});
  for (const char* file : {"manifest", "city.json", "nothing"}) {
    add("/v1/reports/2026-09/pack/" + std::string(file));
  }
  for (const char* file : {"utilization.json", "utilization.csv", "advice.json", "advice.csv",
                           "security.json", "security.html", "operations.json", "operations.csv"}) {
    const std::string path = "/v1/reports/2026-09/" + std::string(file);
    add(path);
    add(path, {{"unit", "{unit}"}});
    add(path, {{"county", "{county}"}});
  }
  add("/v1/reports/2026-13/advice.csv");
  for (const char* what : {"query", "export", "grant", "revoke", "accounts", "nothing"}) {
    add("/v1/access", {{"what", what}});
  }
  add("/v1/access", {{"unit", "{unit}"}});
  add("/v1/access", {{"who", "{token}"}});
  add("/v1/access", {{"who", "{account}"}});
  return all;
}

// All that is asked by POST.
std::vector<Template> changes() {
  std::vector<Template> all;
  const auto add = [&](const std::string& path, const std::string& body = "") {
    all.push_back({.method = "POST", .path = path, .body = body});
  };
  for (const char* act : {"review", "withdraw", "issue", "notify", "dispute", "agree", "burn"}) {
    add("/v1/findings/{finding}", fmt::format(R"({{"act":"{}","reason":"r"}})", act));
  }
  add("/v1/findings/{finding}", "{}");
  const std::string exemption =
      R"("host":"{host}","type":"trial","reason":"r","approver":"a","from":"2026-11-01",)"
      R"("until":"2026-12-01"})";
  const std::string agreement = R"("signed":"2026-11-01","from":"2026-11-01"})";
  add("/v1/exemptions", R"([{"id":"new",)" + exemption + "]");
  add("/v1/exemptions", R"({"id":"{entry}",)" + exemption);
  // Somebody else's id for what is one's own.
  for (const char* host : {"web-01", "case-01"}) {
    add("/v1/exemptions",
        fmt::format(R"({{"id":"{{entry}}","host":"{}","type":"trial","reason":"r",)"
                    R"("approver":"a","from":"2026-11-01","until":"2026-12-01"}})",
                    host));
  }
  for (const char* unit : {"tax", "police"}) {
    add("/v1/inventory/agreement",
        fmt::format(R"({{"id":"{{entry}}","unit":"{}",{})", unit, agreement));
  }
  add("/v1/inventory/agreement", R"({"id":"new","unit":"{unit}",)" + agreement);
  add("/v1/inventory/agreement", R"({"id":"new","unit":"tax","system":"{system}",)" + agreement);
  add("/v1/inventory/agreement", R"({"id":"new","unit":"tax","host":"{host}",)" + agreement);
  add("/v1/inventory/system", R"({"id":"{system}","unit":"{unit}","name":"n"})");
  add("/v1/inventory/power", R"({"id":"{entry}","host":"{host}","month":"2026-09","off_days":1})");
  add("/v1/inventory/resource_usage",
      R"({"id":"new","resource":"{resource}","month":"2026-09","used":1})");
  const std::string incident =
      R"("title":"t","level":"3","began":"2026-10-13 09:12","responsible":"r"})";
  add("/v1/operations/incident", R"({"id":"{entry}","unit":"{unit}",)" + incident);
  add("/v1/operations/incident", R"({"id":"new","system":"{system}",)" + incident);
  add("/v1/operations/drill", R"({"id":"new","date":"2026-10-22","scenario":"s","result":"r"})");
  all.push_back({.method = "POST",
                 .path = "/v1/exemptions",
                 .query = {{"dry_run", "true"}},
                 .body = "id,host,type,reason,approver,from,until\n"
                         "new,{host},trial,r,a,2026-11-01,2026-12-01\n",
                 .type = "text/csv"});
  add("/v1/accounts", R"({"id":"{account}","name":"n"})");
  add("/v1/accounts/{account}/close");
  add("/v1/grants", R"({"to":"{account}","role":"unit","units":["{unit}"],"reason":"r","days":9})");
  add("/v1/grants",
      R"({"to":"{account}","role":"county","county":"{county}","reason":"r","days":9})");
  add("/v1/grants", R"({"to":"{account}","kind":"messages","units":["{unit}"],"reason":"r",)"
                    R"("days":2})");
  add("/v1/grants", R"({"to":"{token}","kind":"messages","units":["tax"],"reason":"r","days":2})");
  add("/v1/grants",
      R"({"to":"{reader}","kind":"messages","units":["{unit}"],"reason":"r","days":2})");
  add("/v1/grants/{grant}/approve");
  add("/v1/grants/{grant}/revoke");
  add("/v1/tokens", R"({"account":"{account}","days":9})");
  add("/v1/certificates", R"({"account":"{account}","csr":"x","days":9})");
  add("/v1/tokens/{token}/revoke");
  add("/v1/log/cosignatures", "log.test/yunjian\n1\nAAAA\n\n— x y\n");
  add("/v1/log/endorsements", "yunjian/endorsement/v1\nleaf 1\n\n— x y\n");
  return all;
}

struct Asker {
  std::string who;
  std::set<std::string> units;     // whose data may be in an answer
  std::set<std::string> messages;  // and whose log messages
};

const std::vector<Asker> askers = {{"authority", {"tax", "police"}, {"tax", "police"}},
                                   {"provider", {"tax", "police"}, {}},
                                   {"reader", {"tax", "police"}, {"tax"}},
                                   {"tax", {"tax"}, {"tax"}},
                                   {"clerk", {"tax"}, {"tax"}},
                                   {"police", {"police"}, {"police"}},
                                   {"east", {"tax"}, {"tax"}},
                                   {"system", {"tax", "police"}, {}},
                                   {"security", {}, {}},
                                   {"audit", {}, {}},
                                   {"nobody", {}, {}},
                                   {"revoked", {}, {}},
                                   {"", {}, {}}};

// Headers and enrolments are every credential's to see: that is how a log is witnessed.
bool is_log(std::string_view path) {
  return path == "/checkpoint" || path.starts_with("/tile") ||
         (path.starts_with("/v1/log") && !path.starts_with("/v1/log/batches"));
}

// Who keeps accounts, or watches those who do, sees all of them; whoever was granted or asked for
// something sees that.
bool sees_rights(const Asker& asker, std::string_view path) {
  const bool rights = path.starts_with("/v1/accounts") || path.starts_with("/v1/grants") ||
                      path.starts_with("/v1/tokens") || path.starts_with("/v1/certificates");
  const bool keeps = asker.who == "authority" || asker.who == "security" || asker.who == "audit";
  if (rights && keeps) return true;
  return asker.who == "audit" && path == "/v1/access";
}

// What of a unit's data an answer would give away; the first is in log messages alone.
std::vector<std::string> marks(const std::string& unit) {
  std::vector<std::string> all;
  for (const char* end : {" login", "-host", "-question", "-reason", "-note", "-hold", "-clerk"}) {
    all.push_back(unit + end);
  }
  all.push_back("entry-" + unit);
  if (unit == "tax") {
    all.insert(all.end(), {"web-01", "税务局", "tax-reading", std::string(32, 'a')});
  } else {
    all.insert(all.end(), {"case-01", "公安局", std::string(32, 'b')});
  }
  return all;
}

constexpr std::array id_names{"unit",    "host",  "county", "agent",    "stream", "finding",
                              "account", "entry", "system", "resource", "grant",  "token"};

struct Matrix : FullKit {
  using Ids = std::map<std::string, std::string>;

  std::string filled(std::string text, Whose whose) {
    for (const auto& [name, id] : ids(whose)) {
      const std::string brace = "{" + name + "}";
      for (auto at = text.find(brace); at != text.npos; at = text.find(brace, at + id.size())) {
        text.replace(at, brace.size(), id);
      }
    }
    return text;
  }
  // The other way round: what was asked for is not what differs.
  std::string emptied(std::string text, Whose whose) {
    std::vector<std::pair<std::string, std::string>> longest_first(ids(whose).begin(),
                                                                   ids(whose).end());
    std::ranges::sort(longest_first, [](const auto& a, const auto& b) {
      return std::pair(a.second.size(), a.first) > std::pair(b.second.size(), b.first);
    });
    for (const auto& [name, id] : longest_first) {
      for (auto at = text.find(id); at != text.npos; at = text.find(id, at)) {
        text.replace(at, id.size(), "*");
      }
    }
    return text;
  }

  Request made(const Asker& asker, const Template& wish, Whose whose) {
    Request asked = request(asker.who, wish.method, filled(wish.path, whose));
    for (const auto& [name, value] : wish.query) asked.query.emplace(name, filled(value, whose));
    asked.body = filled(wish.body, whose);
    if (!asked.body.empty()) asked.headers["content-type"] = wish.type;
    return asked;
  }

  static std::string first_bytes(const Response& response) {
    if (!response.source) return response.body;
    std::string all;
    for (int i = 0; i < 4; ++i) {
      const auto piece = response.source->next();
      all += piece.bytes;
      if (piece.last || piece.broken) break;
    }
    return all;
  }

  // What somebody wrote may come back to him in a problem or as the name of what he made.
  static bool wrote_himself(const Request& asked, const Response& answer, const std::string& mark) {
    if (asked.path.find(mark) != std::string::npos) return true;
    if (asked.body.find(mark) != std::string::npos) return true;
    const bool reads = answer.status < 400 && asked.method == "GET";
    return std::ranges::any_of(asked.query, [&](const auto& parameter) {
      // A list of fields is told with its counts.
      if (reads && parameter.first != "fields") return false;
      return parameter.second.find(mark) != std::string::npos;
    });
  }

  // A cursor is readable to who gets it.
  static std::string with_cursors_opened(std::string body) {
    constexpr std::string_view key = R"("cursor":")";
    for (auto at = body.find(key); at != body.npos; at = body.find(key, at + 1)) {
      const auto begin = at + key.size();
      const auto opened = from_base64url(body.substr(begin, body.find('"', begin) - begin));
      if (opened) body += *opened;
    }
    return body;
  }

  void check_no_leak(const Asker& asker, const Request& asked, const Response& answer) {
    if (is_log(asked.path) || sees_rights(asker, asked.path)) return;
    const std::string body = with_cursors_opened(answer.body);
    for (const std::string unit : {"tax", "police"}) {
      const auto all = marks(unit);
      for (const std::string& mark : all) {
        const bool message = mark == all.front();
        if (message ? asker.messages.contains(unit) : asker.units.contains(unit)) continue;
        if (wrote_himself(asked, answer, mark)) continue;
        CHECK_MESSAGE(body.find(mark) == std::string::npos,
                      asker.who << " " << asked.method << " " << asked.path << " " << asked.body
                                << " got " << mark << ": " << body);
      }
    }
  }

  const ApiHandler::Route* route_of(const Request& asked) const {
    for (const auto& route : api->route_table()) {
      if (route.method == asked.method && fits(route.pattern, asked.path)) return &route;
    }
    return nullptr;
  }
  static bool fits(std::string_view pattern, std::string_view path) {
    while (!pattern.empty() && !path.empty()) {
      if (pattern == "/*") return true;
      const auto wanted = pattern.substr(0, pattern.find('/', 1));
      const auto segment = path.substr(0, path.find('/', 1));
      if (wanted != "/{}" && wanted != segment) return false;
      pattern.remove_prefix(wanted.size());
      path.remove_prefix(segment.size());
    }
    return pattern.empty() && path.empty();
  }

  std::optional<Role> role_of(const Asker& asker) {
    const std::string known =
        asker.who == "clerk" ? certificate_secret(std::string(64, 'c')) : secret(asker.who);
    auto found = catalog->credential(known, log.clock.wall());
    if (!found || !*found || asker.who.empty()) return std::nullopt;
    return (*found)->role;
  }

  // What holds for every request whatever it is. A change that was made is undone.
  Response checked(const Asker& asker, Request asked) {
    asked.peer = std::to_string(++peers_);  // a guess each, not a thousand from one address
    const auto role = role_of(asker);
    Response answer = api->handle(asked);
    answer.body = first_bytes(answer);
    answer.source = nullptr;
    CAPTURE(asker.who);
    CAPTURE(asked.method);
    CAPTURE(asked.path);
    CAPTURE(asked.body);
    CAPTURE(answer.body);
    CHECK(answer.status < 500);
    const auto* route = route_of(asked);
    if (route != nullptr) {
      if (!route->access.open && !role) CHECK(answer.status == 401);
      if (role && !route->access.allows(*role)) CHECK(answer.status == 403);
    } else if (!role) {
      CHECK((answer.status == 401 || answer.status == 405));
    } else {
      CHECK((answer.status == 404 || answer.status == 405));
    }
    check_no_leak(asker, asked, answer);
    if (asked.method == "POST" && answer.status < 300) put_back();
    return answer;
  }

  static bool names_an_id(const Template& wish) {
    std::string all = wish.path + " " + wish.body;
    for (const auto& [name, value] : wish.query) all += value;
    return std::ranges::any_of(id_names, [&](const char* name) {
      return all.find(std::string("{") + name + "}") != std::string::npos;
    });
  }

  // A column counts what was asked, and the ids in it are not equally long.
  static std::string without_columns(std::string text) {
    constexpr std::string_view word = "column ";
    for (std::size_t at = 0; (at = text.find(word, at)) != std::string::npos;) {
      at += word.size();
      text.erase(at, text.find_first_not_of("0123456789", at) - at);
    }
    return text;
  }

  void check_alike(const Asker& asker, const Template& wish, std::map<Whose, Response>& answers) {
    if (!names_an_id(wish)) return;
    const auto told = [&](const Response& answer, Whose whose) {
      return without_columns(emptied(emptied(answer.body, whose), Whose::nobodys));
    };
    const Response& absent = answers[Whose::nobodys];
    for (const Whose whose : {Whose::tax, Whose::police}) {
      const std::string unit = ids(whose).at("unit");
      if (asker.units.contains(unit) || is_log(wish.path) || sees_rights(asker, wish.path))
        continue;
      const Response& foreign = answers[whose];
      CAPTURE(asker.who);
      CAPTURE(unit);
      CAPTURE(wish.method);
      CAPTURE(wish.path);
      CAPTURE(wish.body);
      for (const auto& [name, value] : wish.query) CAPTURE(value);
      CHECK(foreign.status == absent.status);
      CHECK(told(foreign, whose) == told(absent, whose));
      CHECK(foreign.headers == absent.headers);
    }
  }

  std::size_t peers_ = 0;
};

TEST_CASE_FIXTURE(Matrix, "role by address by id: nothing leaks, foreign answers as absent does") {
  std::size_t asked = 0;
  std::set<std::string> told;  // addresses that gave the authority its own data
  std::set<std::string_view> tried;
  for (const Asker& asker : askers) {
    for (const Template& wish : reads()) {
      std::map<Whose, Response> answers;
      for (const Whose whose : {Whose::tax, Whose::police, Whose::nobodys}) {
        const Request request = made(asker, wish, whose);
        if (const auto* route = route_of(request)) tried.insert(route->pattern);
        answers[whose] = checked(asker, request);
        ++asked;
      }
      check_alike(asker, wish, answers);
      const auto of_tax = marks("tax");
      const bool shows = std::ranges::any_of(of_tax, [&](const std::string& mark) {
        return answers[Whose::tax].body.find(mark) != std::string::npos;
      });
      if (asker.who == "authority" && shows) told.insert(wish.path);
    }
  }
  CHECK(asked > 7000);
  for (const auto& route : api->route_table()) {
    if (route.method != "GET") continue;
    CAPTURE(route.pattern);
    CHECK(tried.contains(route.pattern));
  }
  // The matrix is not hollow: behind these there is something that could have leaked.
  for (const std::string path : {"/v1/search",
                                 "/v1/hits",
                                 "/v1/facets",
                                 "/v1/exports",

                                 "/v1/records/{stream}/0",
                                 "/v1/records/{stream}/0/proof",
                                 "/v1/hosts",
                                 "/v1/hosts/{host}/usage",
                                 "/v1/findings",
                                 "/v1/findings/{finding}",
                                 "/v1/exemptions",
                                 "/v1/operations/incident",
                                 "/v1/operations/backup",
                                 "/v1/operations/security_event",
                                 "/v1/operations/vulnerability",
                                 "/v1/operations/rectification",
                                 "/v1/inventory/system",
                                 "/v1/inventory/host_terms",
                                 "/v1/inventory/resource",
                                 "/v1/inventory/resource_usage",
                                 "/v1/inventory/power",
                                 "/v1/inventory/agreement",
                                 "/v1/inventory/exemption",
                                 "/v1/reports/2026-09/utilization.json",
                                 "/v1/reports/2026-09/pack/city.json",
                                 "/v1/reports/2026-09/operations.json",
                                 "/v1/reports/2026-09/security.json",
                                 "/v1/streams",
                                 "/v1/streams/{stream}/batches/0",
                                 "/v1/access",
                                 "/v1/accounts",
                                 "/v1/grants",
                                 "/v1/tokens"}) {
    CAPTURE(path);
    CHECK(told.contains(path));
  }
}

TEST_CASE_FIXTURE(Matrix, "role by change by id: nothing leaks, foreign answers as absent does") {
  std::set<std::string_view> tried, made_by_somebody;
  for (const Asker& asker : askers) {
    for (const Template& wish : changes()) {
      std::map<Whose, Response> answers;
      for (const Whose whose : {Whose::tax, Whose::police, Whose::nobodys}) {
        const Request request = made(asker, wish, whose);
        const auto* route = route_of(request);
        REQUIRE(route != nullptr);
        const std::string_view pattern = route->pattern;  // the table goes with its handler
        tried.insert(pattern);
        answers[whose] = checked(asker, request);
        if (answers[whose].status < 300) made_by_somebody.insert(pattern);
      }
      check_alike(asker, wish, answers);
    }
  }
  for (const auto& route : api->route_table()) {
    if (route.method != "POST") continue;
    CAPTURE(route.pattern);
    CHECK(tried.contains(route.pattern));
    // Notes of a witness or an authority, and a certificate's request, are not made here.
    if (route.pattern.starts_with("/v1/log") || route.pattern == "/v1/certificates") continue;
    CHECK(made_by_somebody.contains(route.pattern));
  }
}

TEST_CASE_FIXTURE(Matrix, "a tail gives what is committed to those whose it is") {
  std::map<std::string, Response> tails;
  for (const Asker& asker : askers) {
    Request asked = request(asker.who, "GET", "/v1/tail");
    asked.query = {{"seconds", "60"}};
    asked.peer = asker.who;
    Response answer = api->handle(asked);
    if (answer.status == 200) tails.emplace(asker.who, std::move(answer));
  }
  CHECK(tails.size() == 7);
  for (auto* agent : {&tax, &police}) {
    const std::string unit = agent == &tax ? "tax" : "police";
    const auto lines = testing::event_lines(log.clock.wall(), 3, unit + " login");
    REQUIRE(log->commit(testing::only(testing::batch_entry(
        agent->seal(lines), unit, ids(agent == &tax ? Whose::tax : Whose::police).at("host")))));
  }
  log.clock.advance(std::chrono::seconds(5));
  for (const Asker& asker : askers) {
    const auto tail = tails.find(asker.who);
    if (tail == tails.end()) continue;
    tail->second.body = first_bytes(tail->second);
    check_no_leak(asker, request(asker.who, "GET", "/v1/tail"), tail->second);
    for (const std::string& unit : asker.messages) {
      CAPTURE(asker.who);
      CHECK(tail->second.body.find(unit + " login") != std::string::npos);
    }
  }
}

TEST_CASE_FIXTURE(Matrix, "somebody else's batch that is damaged answers as an absent one does") {
  const std::string path = "/data/wal/0000000000000000.seg";
  std::string bytes = *log.files.content(path);
  const auto header = bytes.find("yunjian/batch/v1\nagent " + police.id());
  REQUIRE(header != bytes.npos);
  const auto body = bytes.find("\x28\xb5\x2f\xfd", header);
  REQUIRE(body != bytes.npos);
  bytes[body + 12] = static_cast<char>(bytes[body + 12] ^ 1);
  log.files.overwrite(path, bytes);
  for (const std::string rest : {"/batches/0", ""}) {
    const std::string start = rest.empty() ? "/v1/records/" : "/v1/streams/";
    const auto asked = [&](const std::string& who, Whose whose) {
      return get(who, start + ids(whose).at("stream") + (rest.empty() ? "/0" : rest));
    };
    CAPTURE(start);
    CHECK(asked("authority", Whose::police).status == 500);
    for (const std::string who : {"tax", "east"}) {
      CAPTURE(who);
      CHECK(asked(who, Whose::tax).status == 200);
      CHECK(asked(who, Whose::police).status == asked(who, Whose::nobodys).status);
      CHECK(asked(who, Whose::police).body == asked(who, Whose::nobodys).body);
    }
  }
}

// Random requests: a seed replays them.
struct Random {
  std::mt19937_64 engine;
  std::size_t below(std::size_t count) { return engine() % count; }
  template <typename T>
  const T& of(const std::vector<T>& from) {
    return from[below(from.size())];
  }
};

const std::vector<std::string> parameter_names = {
    "q",    "from",   "to",      "order", "limit",  "cursor", "explain", "step", "field",  "fields",
    "unit", "county", "seconds", "after", "format", "lang",   "who",     "what", "offset", "x"};

// Parted by a tab.
constexpr std::string_view parameter_words =
    "\tlogin\thost: case-01\thost: web-01\tunit: police\tpolice or "
    "tax\t2026-09-01\t2027-01-01\tasc\t"
    "desc\t1\t5\t10000\t0\t-1\t1h\t1d\tminute\thour\ttrue\thost\tmessage\tkind,"
    "source\tpolice\ttax\t"
    "west\teast\tndjson\tcsv\tzh\ten\tquery\texport\t+08:00\tAAAA\t%00\t\x1b[31m\t' OR 1=1\t"
    "../../etc\ta*\t/(a+)+$/\t99999999999999999999\t\xff\xfe\t((((((((\tnot not\tactor.user.name";

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  for (std::size_t end = 0; end != text.npos; text.remove_prefix(std::min(end + 1, text.size()))) {
    end = text.find('\t');
    words.emplace_back(text.substr(0, end));
    if (end == text.npos) break;
  }
  return words;
}

// One thing about a body that its sender might get wrong.
void spoil(Random& random, std::string& body) {
  if (body.empty()) return;
  const std::size_t at = random.below(body.size());
  switch (random.below(5)) {
    case 0:
      body.resize(at);
      return;
    case 1:
      body[at] = static_cast<char>(random.below(256));
      return;
    case 2:
      body.insert(at, std::string(40, "[{\",:"[random.below(5)]));
      return;
    case 3:
      body += body;
      return;
    default:
      return;
  }
}

void ask_at_random(Matrix& matrix, std::size_t count, std::uint64_t seed) {
  Random random{std::mt19937_64(seed)};
  const auto values = words_of(parameter_words);
  const auto gets = reads();
  const auto posts = changes();
  for (std::size_t i = 0; i < count; ++i) {
    const Asker& asker = random.of(askers);
    const Template& wish = random.below(4) == 0 ? random.of(posts) : random.of(gets);
    Request asked = matrix.made(asker, wish, static_cast<Whose>(random.below(3)));
    if (random.below(20) == 0) asked.method = "DELETE";
    if (random.below(2) == 0) spoil(random, asked.body);
    if (random.below(3) == 0) asked.query.clear();
    for (std::size_t n = random.below(3); n > 0; --n) {
      asked.query.emplace(random.of(parameter_names), random.of(values));
    }
    if (random.below(4) == 0) asked.headers["accept"] = "application/x-ndjson";
    const bool spoiled = random.below(30) == 0;
    if (spoiled) asked.headers["authorization"] = random.of(values) + "?";
    matrix.checked(spoiled ? askers.back() : asker, std::move(asked));
  }
}

TEST_CASE_FIXTURE(Matrix, "random requests of all roles: no leak, no error of the collector's") {
  ask_at_random(*this, 4000, 20261127);
}

TEST_SUITE("exhaustive") {
  TEST_CASE_FIXTURE(Matrix, "100 000 random requests of all roles: no leak, no error") {
    ask_at_random(*this, 100'000, 9);
  }
}

}  // namespace
}  // namespace yunjian::collector
