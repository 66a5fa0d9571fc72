#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "collector/api/testing/api_kit.h"
#include "collector/query/record_deriver.h"
#include "ledger/base/bytes.h"
#include "ledger/report_manifest.h"
#include "rules/calendar/china_time.h"

namespace yunjian::collector::testing {

// Whose an id is that a request names.
enum class Whose { tax, police, nobodys };

// ApiKit with data of both units behind every address: an entry of each kind of the inventory and
// the register, findings, the pack of a month, holds, grants that wait and one of messages that
// holds, accounts, looks. More who ask: `reader`, a provider operator whom tax lets read its
// messages; `clerk`, an account of tax's with a client certificate and no token; `revoked`.
class FullKit : public ApiKit {
 public:
  FullKit() {
    add_askers();
    fill_registers();
    for (const std::string unit : {"tax", "police"}) {
      add_finding(unit);
      REQUIRE(catalog->put_hold({.id = unit + "-hold",
                                 .unit = unit,
                                 .first_day = 20000,
                                 .last_day = 30000,
                                 .reason = unit + "-hold-reason",
                                 .who = "uid 0 (root)",
                                 .since = log.clock.wall()}));
    }
    keep_pack();
    // Looks of others are among what may leak.
    get("tax", "/v1/search", {{"q", "tax-question"}});
    get("police", "/v1/search", {{"q", "police-question"}});
    seal();
    // A day of the month is over, and what was committed is old enough for a tail.
    log.clock.advance(std::chrono::hours(25));
    REQUIRE(catalog->copy_to(directory.path() + "/kept.sqlite"));
    put_back();
  }

  // The catalog as it was after the constructor; the own stream's acts are no longer written, so
  // that a hundred thousand requests do not fill the log.
  void put_back() {
    const std::string again = fmt::format("{}/again-{}.sqlite", directory.path(), ++copies_);
    std::filesystem::copy_file(directory.path() + "/kept.sqlite", again);
    catalog = std::move(*Catalog::open(again));
    const std::string before = fmt::format("{}/again-{}.sqlite", directory.path(), copies_ - 1);
    for (const char* end : {"", "-wal", "-shm"}) std::filesystem::remove(before + end);
    repeats = std::make_unique<Repeats>(*catalog, log.clock);
    office = std::make_unique<AccountOffice>(
        AccountOffice::Parts{.catalog = *catalog,
                             .clock = log.clock,
                             .random = random,
                             .record = [](const std::string&) { return ledger::Result<void>(); }});
    records = std::make_unique<LogRecordStore>(*log, &deriver_);
    ApiContext quiet = context();
    quiet.deriver = &deriver_;
    quiet.commit_act = [](const std::string&) { return ledger::Result<void>(); };
    api = std::make_unique<ApiHandler>(std::move(quiet));
  }

  Request request(const std::string& who, const std::string& method, const std::string& path) {
    if (who != "clerk") return ApiKit::request(who, method, path);
    Request asked = ApiKit::request("", method, path);
    asked.client_certificate_sha256 = std::string(64, 'c');
    return asked;
  }

  // Every id of a unit's, under the name that templates of requests have for it.
  const std::map<std::string, std::string>& ids(Whose whose) const {
    return ids_.at(static_cast<std::size_t>(whose));
  }

 private:
  using Ids = std::map<std::string, std::string>;

  void add_askers() {
    const auto spec = [&](const std::string& name, Role role) {
      return TokenSpec{
          .name = name, .role = role, .expires = log.clock.wall() + std::chrono::days(30)};
    };
    const auto now = log.clock.wall();
    const auto revoked = catalog->add_token("revoked-secret", spec("gone", Role::authority), now);
    REQUIRE(catalog->revoke_token(*revoked));
    REQUIRE(catalog->add_token("reader-secret", spec("reader", Role::provider), now));
    ids_ = {
        Ids{{"unit", "tax"}, {"host", "web-01"}, {"county", "east"}, {"agent", tax.id()}},
        Ids{{"unit", "police"}, {"host", "case-01"}, {"county", "west"}, {"agent", police.id()}},
        Ids{{"unit", "nowhere"},
            {"host", "none-01"},
            {"county", "north"},
            {"agent", std::string(32, 'f')},
            {"grant", "000000000000"},
            {"token", "000000000000"}}};
    for (Ids& each : ids_) {
      each["stream"] = each["agent"] + ".1";
      each["finding"] = each["host"] + ":reclaim:2026-10";
      each["account"] = each["unit"] + "-clerk";
      each["reader"] = credential("reader").id;
      for (const char* name : {"entry", "system", "resource"}) {
        each[name] = fmt::format("{}-{}", name, each["unit"]);
      }
    }
    for (const std::string unit : {"tax", "police"}) add_people(unit);
    add_certificate();
  }

  void add_people(const std::string& unit) {
    Ids& mine = ids_.at(unit == "tax" ? 0 : 1);
    employ(unit + "-clerk", unit);
    const auto grant = office->propose(doer_of(credential("provider"), ""),
                                       {.kind = GrantKind::messages,
                                        .to = credential("provider").id,
                                        .units = {unit},
                                        .reason = unit + "-reason",
                                        .until = log.clock.wall() + std::chrono::days(5)});
    REQUIRE(grant);
    mine["grant"] = grant->id;
    mine["token"] = credential(unit).id;
    if (unit != "tax") return;
    REQUIRE(office->propose(doer_of(credential("tax"), ""),
                            {.kind = GrantKind::messages,
                             .to = credential("reader").id,
                             .units = {"tax"},
                             .reason = "tax-reading",
                             .until = log.clock.wall() + std::chrono::days(9)}));
  }

  void employ(const std::string& account, const std::string& unit) {
    const Doer first = doer_of(credential("security"), "192.0.2.3");
    REQUIRE(office->add_account(first, account, account + "-name"));
    const auto role = office->propose(first, {.to = account,
                                              .role = Role::unit,
                                              .units = {unit},
                                              .reason = unit + "-employed",
                                              .until = log.clock.wall() + std::chrono::days(9)});
    REQUIRE(role);
    REQUIRE(office->approve(doer_of(credential("guard"), "192.0.2.4"), role->id));
  }

  void add_certificate() {
    REQUIRE(catalog->add_account_token(
        certificate_secret(std::string(64, 'c')),
        {.account = "tax-clerk", .expires = log.clock.wall() + std::chrono::days(9)},
        log.clock.wall()));
  }

  // Texts and numbers such as each kind takes; references are to what is the unit's own.
  static std::string value_of(const FieldDef& field, const Ids& mine) {
    switch (field.type) {
      case FieldType::whole:
      case FieldType::decimal:
        return "4";
      case FieldType::date:
        return field.name == "until" || field.name == "due" ? "2026-12-01" : "2026-11-01";
      case FieldType::month:
        return "2026-09";
      case FieldType::time:
        return "2026-09-13 09:12";
      case FieldType::yes_no:
        return "yes";
      case FieldType::choice:
        return std::string(field.of.substr(0, field.of.find(' ')));
      case FieldType::reference:
        return field.of == "spec" ? "spec-city" : mine.at(std::string(field.of));
      default:
        return mine.at("unit") + "-note";
    }
  }

  void put_entry(const KindDef& kind, const std::string& id, const Ids& mine) {
    RegistryEntry entry{.kind = std::string(kind.key), .id = id};
    for (const FieldDef& field : kind.fields) {
      if (field.name == "limits" || (field.name == "host" && kind.key == "agreement")) continue;
      entry.fields[std::string(field.name)] = value_of(field, mine);
    }
    const UnitOf unit_of = [&](std::string_view of, std::string_view named) {
      auto owner = catalog->owner(Scope::all(), of, named);
      REQUIRE(owner);
      return *owner;
    };
    auto good = check_entry(entry, unit_of);
    REQUIRE_MESSAGE(good.has_value(), kind.key << ": " << good.error().message);
    REQUIRE(catalog->put_entries({entry}));
  }

  void fill_registers() {
    const Ids city{{"unit", "city"}, {"host", ""}, {"system", ""}, {"resource", ""}};
    for (const KindDef& kind : registry_kinds()) {
      if (kind.open) put_entry(kind, fmt::format("{}-city", kind.key), city);
    }
    for (const KindDef& kind : registry_kinds()) {
      if (kind.open) continue;
      for (const Whose whose : {Whose::tax, Whose::police}) {
        const Ids& mine = ids(whose);
        const bool named = mine.contains(std::string(kind.key));
        put_entry(kind, named ? mine.at(std::string(kind.key)) : mine.at("entry"), mine);
      }
    }
  }

  void add_finding(const std::string& unit) {
    const Ids& mine = ids(unit == "tax" ? Whose::tax : Whose::police);
    const Finding finding{.id = mine.at("finding"),
                          .host = mine.at("host"),
                          .unit = unit,
                          .verdict = "low",
                          .state = "flagged",
                          .month = "2026-10",
                          .opened = log.clock.wall(),
                          .changed = log.clock.wall(),
                          .details = {{"explanation_zh", unit + "-note"}}};
    REQUIRE(catalog->put_finding(finding, {.act = "flag", .who = "collector", .state = "flagged"}));
  }

  void keep_pack() {
    const rules::Month month = *rules::parse_month("2026-09");
    const auto place = packs.begin(month, "making");
    REQUIRE(place);
    const std::string bytes = "税务局 公安局";
    REQUIRE(packs.put(*place, "city.json", bytes));
    ledger::ReportManifest manifest{.origin = log->verifier().name(), .month = "2026-09"};
    manifest.as_of = test_start;
    manifest.rules = manifest.calendar = "v1";
    manifest.files = {{"city.json", bytes.size(), log->suite().hasher()->plain(bytes)}};
    const std::string text = ledger::format_report_manifest(manifest);
    const auto signature = log->sign(text);
    REQUIRE(signature);
    REQUIRE(packs.finish(*place, manifest, ledger::format_note(text, {*signature})));
  }

  const Deriver deriver_ = make_deriver(rules::Classifier::builtin());
  std::vector<Ids> ids_;
  std::size_t copies_ = 0;
};

}  // namespace yunjian::collector::testing
