#include "collector/catalog/catalog.h"
#include "collector/catalog/database.h"

namespace yunjian::collector {

using ledger::Result;
using soci::into;
using soci::use;

Result<CertificateUse> Catalog::certificate_use(std::string_view agent,
                                                std::string_view sha256) const {
  return with_database(*impl_, [&](soci::session& sql) -> Result<CertificateUse> {
    const std::string id(agent);
    std::string current;
    sql << "SELECT certificate_sha256 FROM agent WHERE id = :id", use(id), into(current);
    if (!sql.got_data() || sha256.empty()) return CertificateUse::refused;
    if (current == sha256) return CertificateUse::current;
    std::string next;
    sql << "SELECT certificate_sha256 FROM renewal WHERE agent = :id", use(id), into(next);
    const bool renewal = sql.got_data() && next == sha256;
    return renewal ? CertificateUse::renewal : CertificateUse::refused;
  });
}

Result<void> Catalog::promote_renewal(std::string_view agent, std::string_view sha256) {
  return with_database(*impl_, [&](soci::session& sql) -> Result<void> {
    const std::string id(agent);
    const std::string next(sha256);
    soci::transaction all(sql);
    // Not when it was taken away meanwhile.
    sql << "UPDATE agent SET certificate_sha256 = :sha256 WHERE id = :id AND EXISTS"
           " (SELECT 1 FROM renewal WHERE agent = :agent AND certificate_sha256 = :same)",
        use(next), use(id), use(id), use(next);
    sql << "DELETE FROM renewal WHERE agent = :id AND certificate_sha256 = :sha256", use(id),
        use(next);
    all.commit();
    return {};
  });
}

Result<void> Catalog::drop_renewal(std::string_view agent) {
  return with_database(*impl_, [&](soci::session& sql) -> Result<void> {
    const std::string id(agent);
    sql << "DELETE FROM renewal WHERE agent = :id", use(id);
    return {};
  });
}

Result<void> Catalog::note_certificate_end(std::string_view agent, std::string_view sha256,
                                           ledger::Time end) {
  return with_database(*impl_, [&](soci::session& sql) -> Result<void> {
    const std::string id(agent);
    const std::string hash(sha256);
    const std::string ends = ledger::format_time(end);
    soci::transaction all(sql);
    // Those that are not in use any more.
    sql << "DELETE FROM certificate_end WHERE agent = :id AND sha256 NOT IN"
           " (SELECT certificate_sha256 FROM agent WHERE id = :same)",
        use(id), use(id);
    sql << "INSERT INTO certificate_end(sha256, agent, ends) VALUES (:sha256, :agent, :ends)"
           " ON CONFLICT(sha256) DO UPDATE SET ends = excluded.ends",
        use(hash), use(id), use(ends);
    all.commit();
    return {};
  });
}

Result<std::map<std::string, ledger::Time>> Catalog::certificate_ends() const {
  return with_database(*impl_,
                       [&](soci::session& sql) -> Result<std::map<std::string, ledger::Time>> {
                         std::string id;
                         std::string ends;
                         std::map<std::string, ledger::Time> found;
                         soci::statement rows =
                             (sql.prepare << "SELECT a.id, c.ends FROM agent a JOIN certificate_end"
                                             " c ON c.sha256 = a.certificate_sha256",
                              into(id), into(ends));
                         rows.execute();
                         while (rows.fetch()) found[id] = stored_time(ends);
                         return found;
                       });
}

Result<void> Catalog::revoke_agent(const AgentRevocation& revocation) {
  return with_database(*impl_, [&](soci::session& sql) -> Result<void> {
    const auto incarnation = static_cast<long long>(revocation.incarnation);
    const std::string revoked = ledger::format_time(revocation.revoked);
    soci::transaction all(sql);
    sql << "UPDATE agent SET certificate_sha256 = '' WHERE id = :id", use(revocation.agent);
    sql << "DELETE FROM renewal WHERE agent = :id", use(revocation.agent);
    sql << "INSERT INTO revoked_agent(agent, incarnation, reason, revoked)"
           " VALUES (:agent, :incarnation, :reason, :revoked) ON CONFLICT(agent) DO UPDATE SET"
           " incarnation = excluded.incarnation, reason = excluded.reason,"
           " revoked = excluded.revoked",
        use(revocation.agent), use(incarnation), use(revocation.reason), use(revoked);
    all.commit();
    return {};
  });
}

Result<std::map<std::string, AgentRevocation>> Catalog::revoked_agents() const {
  using Found = std::map<std::string, AgentRevocation>;
  return with_database(*impl_, [&](soci::session& sql) -> Result<Found> {
    AgentRevocation row;
    long long incarnation = 0;
    std::string revoked;
    Found found;
    soci::statement rows =
        (sql.prepare << "SELECT r.agent, r.incarnation, r.reason, r.revoked FROM revoked_agent r"
                        " JOIN agent a ON a.id = r.agent AND a.incarnation = r.incarnation",
         into(row.agent), into(incarnation), into(row.reason), into(revoked));
    rows.execute();
    while (rows.fetch()) {
      row.incarnation = static_cast<std::uint64_t>(incarnation);
      row.revoked = stored_time(revoked);
      found.emplace(row.agent, row);
    }
    return found;
  });
}

Result<std::optional<Renewal>> Catalog::renewal(std::string_view agent) const {
  return with_database(*impl_, [&](soci::session& sql) -> Result<std::optional<Renewal>> {
    Renewal row;
    row.agent = agent;
    std::string issued;
    sql << "SELECT key_sha256, certificate_sha256, certificate, issued FROM renewal"
           " WHERE agent = :id",
        use(row.agent), into(row.key_sha256), into(row.certificate_sha256), into(row.certificate),
        into(issued);
    if (!sql.got_data()) return std::optional<Renewal>();
    row.issued = stored_time(issued);
    return std::optional<Renewal>(std::move(row));
  });
}

Result<void> Catalog::put_renewal(const Renewal& renewal) {
  return with_database(*impl_, [&](soci::session& sql) -> Result<void> {
    const std::string issued = ledger::format_time(renewal.issued);
    sql << "INSERT INTO renewal(agent, key_sha256, certificate_sha256, certificate, issued)"
           " VALUES (:agent, :key, :sha256, :certificate, :issued) ON CONFLICT(agent) DO UPDATE"
           " SET key_sha256 = excluded.key_sha256,"
           " certificate_sha256 = excluded.certificate_sha256,"
           " certificate = excluded.certificate, issued = excluded.issued",
        use(renewal.agent), use(renewal.key_sha256), use(renewal.certificate_sha256),
        use(renewal.certificate), use(issued);
    return {};
  });
}

}  // namespace yunjian::collector
