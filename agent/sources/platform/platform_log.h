#pragma once

#include <string>

#include "agent/sources/file_tail.h"
#include "agent/sources/platform/platform_form.h"

namespace yunjian::agent {

struct PlatformOptions {
  FileTailOptions files;
  PlatformForm form;
};

// Operations on a cloud platform (who did what to which resource) out of the files in which it
// writes them: FileTail follows the files, each record that it makes is written anew with source
// `platform` and what the line states. The line itself stays whole. Places, rotation and gap
// records are FileTail's; the position is its position.
class PlatformLog : public Source {
 public:
  explicit PlatformLog(PlatformOptions options);

  std::string_view name() const override { return name_; }
  void restore(std::string_view position) override { tail_.restore(position); }
  std::string position() const override { return tail_.position(); }
  bool poll(ledger::Time now, RecordSink& sink) override;
  int wake_descriptor() const override { return tail_.wake_descriptor(); }

 private:
  std::string name_;
  PlatformForm form_;
  FileTail tail_;
};

}  // namespace yunjian::agent
