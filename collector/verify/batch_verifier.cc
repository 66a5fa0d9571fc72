#include "collector/verify/batch_verifier.h"

#include <fmt/format.h>

#include "collector/verify/judgement.h"

namespace yunjian::collector {

using ledger::Answer;
using ledger::FrameRef;
using ledger::Result;

namespace {

void refuse_unknown(ExaminedFrame& frame) {
  frame.refused = "stream " + frame.stream +
                  " is not enrolled here: enrol the agent with a new token (yunjian-agent enrol)";
  frame.cause = &VerifyCounters::refused_stream;
}

void refuse_budget(ExaminedFrame& frame) {
  frame.refused = fmt::format(
      "the bodies of this post decode to more than {} MiB: send this batch again in another post",
      post_decoded_bytes_max >> 20U);
  frame.cause = &VerifyCounters::refused_body;
}

void take_gaps(std::vector<ExaminedFrame>& frames, const std::vector<Answer>& answers,
               std::vector<GapSeen>& out) {
  for (std::size_t i = 0; i < frames.size() && i < answers.size(); ++i) {
    if (answers[i].verdict != ledger::Verdict::accepted) continue;
    for (GapSeen& gap : frames[i].gaps) {
      gap.stream = frames[i].stream;
      gap.batch = frames[i].header().batch;
      out.push_back(std::move(gap));
    }
  }
}

void refuse_retired(ExaminedFrame& frame) {
  frame.refused =
      "stream " + frame.stream + " is retired: a host that is in use again enrols with a new token";
  frame.cause = &VerifyCounters::refused_stream;
}

}  // namespace

BatchVerifier::BatchVerifier(EvidenceLog& log, const ledger::Clock& clock)
    : log_(log),
      clock_(clock),
      workspaces_([&log] { return std::make_unique<Workspace>(log.suite()); }) {}

Result<std::vector<Answer>> BatchVerifier::answer(const std::vector<FrameRef>& frames,
                                                  std::string_view peer,
                                                  std::vector<GapSeen>* gaps) {
  std::vector<std::string> streams;
  std::vector<ExaminedFrame> examined = examine(frames, peer, streams);
  const StreamLocks::Held held = locks_.lock(streams);
  Judgement judgement(log_, clock_.wall());
  for (const ExaminedFrame& frame : examined) {
    if (!frame.refused.empty()) {
      judgement.refuse(frame);
    } else if (auto judged = judgement.judge(frame); !judged) {
      return failure(judged);
    }
  }
  auto answers = commit(judgement);
  if (!answers) return failure(answers);
  if (gaps != nullptr) take_gaps(examined, *answers, *gaps);
  return answers;
}

// What the frames say by themselves; `streams` gets those of frames that are not refused.
std::vector<ExaminedFrame> BatchVerifier::examine(const std::vector<FrameRef>& frames,
                                                  std::string_view peer,
                                                  std::vector<std::string>& streams) {
  std::vector<ExaminedFrame> examined;
  const auto space = workspaces_.take();
  std::uint64_t decoded = 0;
  for (const FrameRef& frame : frames) {
    const bool spent = decoded > post_decoded_bytes_max;
    examined.push_back(
        examine_frame(spent ? FrameRef{frame.header, {}} : frame, peer, log_.suite(), *space));
    ExaminedFrame& last = examined.back();
    decoded += last.decoded_bytes;
    if (!last.refused.empty()) continue;
    const auto stream = log_.stream(last.stream);
    if (!stream) {
      refuse_unknown(last);
    } else if (spent) {
      refuse_budget(last);
    } else if (stream->retired && last.header().batch >= stream->next_batch) {
      refuse_retired(last);
    } else {
      streams.push_back(last.stream);
    }
  }
  return examined;
}

Result<std::vector<Answer>> BatchVerifier::commit(Judgement& judgement) {
  Committed committed;
  if (auto entries = judgement.take_entries(); !entries.empty()) {
    auto done = log_.commit(std::move(entries));
    if (!done) return failure(done);
    committed = std::move(*done);
  }
  auto answers = judgement.finish(committed);
  if (!answers) return failure(answers);
  const std::lock_guard lock(counters_mutex_);
  counters_ += judgement.counters();
  return answers;
}

Result<Answer> BatchVerifier::begin(const FrameRef& frame, std::string_view peer,
                                    const ledger::Hash& linked) {
  ExaminedFrame examined;
  {
    const auto space = workspaces_.take();
    examined = examine_frame(frame, peer, log_.suite(), *space);
  }
  if (examined.refused.empty() && !log_.stream(examined.stream)) refuse_unknown(examined);
  if (examined.refused.empty() && examined.leaf_hash != linked) {
    examined.refused = "it is not the batch that the links lead to";
    examined.cause = &VerifyCounters::refused_sequence;
  }
  std::vector<std::string> streams;
  if (examined.refused.empty()) streams.push_back(examined.stream);
  const StreamLocks::Held held = locks_.lock(streams);
  Judgement judgement(log_, clock_.wall());
  if (!examined.refused.empty()) {
    judgement.refuse(examined);
  } else if (auto judged = judgement.judge_beginning(examined); !judged) {
    return failure(judged);
  }
  auto answers = commit(judgement);
  if (!answers) return failure(answers);
  return std::move(answers->front());
}

VerifyCounters BatchVerifier::counters() const {
  const std::lock_guard lock(counters_mutex_);
  return counters_;
}

}  // namespace yunjian::collector
