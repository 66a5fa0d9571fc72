#include "collector/catalog/catalog.h"
#include "collector/catalog/database.h"

namespace yunjian::collector {

using ledger::Result;
using soci::into;
using soci::use;

Result<bool> Catalog::use_certificate(std::string_view agent, std::string_view sha256) {
  return with_database(*impl_, [&](soci::session& sql) -> Result<bool> {
    const std::string id(agent);
    const std::string wanted(sha256);
    std::string current;
    sql << "SELECT certificate_sha256 FROM agent WHERE id = :id", use(id), into(current);
    if (!sql.got_data() || wanted.empty()) return false;
    if (current == wanted) return true;
    std::string next;
    sql << "SELECT certificate_sha256 FROM renewal WHERE agent = :id", use(id), into(next);
    if (!sql.got_data() || next != wanted) return false;
    soci::transaction all(sql);
    sql << "UPDATE agent SET certificate_sha256 = :sha256 WHERE id = :id", use(wanted), use(id);
    sql << "DELETE FROM renewal WHERE agent = :id", use(id);
    all.commit();
    return true;
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
