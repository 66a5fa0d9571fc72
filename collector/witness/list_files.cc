#include "collector/witness/list_files.h"

namespace yunjian::collector {

using ledger::ErrorKind;
using ledger::Result;

Result<ledger::ListHead> ListFiles::keep(std::string_view lines, const ledger::Suite& suite) {
  auto head = ledger::list_head(lines, *suite.hasher());
  if (!head) return head;
  const std::string path = ledger::join_path(directory_, ledger::list_file_name(head->root));
  auto there = files_.exists(path);
  if (!there) return failure(there);
  if (*there) return head;
  if (auto made = files_.make_directory(directory_, 0700); !made) return failure(made);
  if (auto written = ledger::replace_file(files_, path, lines, 0600); !written) {
    return failure(written);
  }
  return head;
}

Result<std::string> ListFiles::read(const ledger::ListHead& head,
                                    const ledger::Suite& suite) const {
  auto lines = files_.read_file(ledger::join_path(directory_, ledger::list_file_name(head.root)));
  if (!lines) return lines;
  auto found = ledger::list_head(*lines, *suite.hasher());
  if (!found || *found != head) {
    return ledger::fail(ErrorKind::corrupt, "list " + ledger::list_file_name(head.root) +
                                                " has other lines than its leaf says");
  }
  return lines;
}

}  // namespace yunjian::collector
