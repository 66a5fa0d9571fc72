#include "auditor/agent_book.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "auditor/words.h"
#include "ledger/statement_leaves.h"

namespace yunjian::auditor {

using ledger::Time;

void AgentBook::found(FindingKind kind, std::uint64_t leaf, std::string zh, std::string en) {
  findings_->add({kind, fmt::format("leaf {}", leaf), std::move(zh), std::move(en), leaf});
}

void AgentBook::remember(std::uint64_t leaf, const std::string& agent, const Position& before) {
  moved_.push_back({leaf, agent, before});
  while (!moved_.empty() && moved_.front().leaf + roster_lag_max < leaf) moved_.pop_front();
}

void AgentBook::enrolled(std::uint64_t leaf, const ledger::Hash& leaf_hash,
                         const ledger::Enrolment& enrolment) {
  enrolments_[leaf] = leaf_hash;
  if (enrolment.origin == log_.name()) enrolled_at(leaf, enrolment.enrolled);
  if (leaf == 0) own_agent_ = enrolment.agent;
  if (enrolment.agent == own_agent_) return;
  const auto [place, fresh] = agents_.try_emplace(enrolment.agent);
  Agent& agent = place->second;
  if (fresh || agent.retired_leaf) agent.enrolled_leaf = leaf;
  remember(leaf, enrolment.agent, agent.at);
  agent.unit = enrolment.unit;
  agent.host = enrolment.host;
  agent.at = {enrolment.incarnation, 0};
  agent.head = leaf_hash;
  agent.retired_leaf.reset();
}

// Told once: behind it the earlier time counts, so that what follows is measured by it again.
void AgentBook::signed_at(std::uint64_t leaf, Time time) {
  const bool back = log_time_ && *log_time_ - time > log_time_back_max;
  if (back) tell_back(FindingKind::tampered, leaf, time);
  log_time_ = back ? time : std::max(log_time(), time);
}

void AgentBook::enrolled_at(std::uint64_t leaf, Time time) {
  if (log_time_ && *log_time_ - time > log_time_back_max) {
    const bool waited = *log_time_ - time <= reservation_waits_max;
    tell_back(waited ? FindingKind::notice : FindingKind::tampered, leaf, time);
  }
  log_time_ = std::max(log_time(), time);
}

void AgentBook::tell_back(FindingKind kind, std::uint64_t leaf, Time time) {
  const std::string earlier = ledger::format_time(time);
  const std::string later = ledger::format_time(*log_time_);
  found(kind, leaf, fmt::format("日志自签的时间倒退:此叶子称 {},其前的叶子已称 {}", earlier, later),
        fmt::format("the log's own time goes back: this leaf bears {}, one before it {}", earlier,
                    later));
}

void AgentBook::sealed(std::uint64_t leaf, const Header& header) {
  const auto known = agents_.find(header.agent);
  if (known == agents_.end() || header.incarnation != known->second.at.incarnation) return;
  Agent& agent = known->second;
  if (agent.retired_leaf) {
    found(FindingKind::tampered, leaf,
          fmt::format("主机 {} 已于叶子 {} 注销,此后不应再有批次", agent.host, *agent.retired_leaf),
          fmt::format("host {} was retired by leaf {}: no batch may follow", agent.host,
                      *agent.retired_leaf));
  }
  remember(leaf, header.agent, agent.at);
  agent.at.batches = header.batch + 1;
  agent.head = header.leaf_hash;
}

void AgentBook::own_sealed(std::uint64_t leaf, const ledger::BatchHeader& header) {
  signed_at(leaf, header.sealed);
  const bool starts = std::any_of(header.flags.begin(), header.flags.end(),
                                  [](const auto& flag) { return flag.ends_with("-start"); });
  if (starts) own_start_ = header.sealed;
  if (!own_start_ || agents_.empty() || gap_told_) return;
  const Time since = last_all_ ? std::max(*own_start_, *last_all_) : *own_start_;
  if (header.sealed - since <= roster_gap_max) return;
  gap_told_ = true;
  found(FindingKind::missing, leaf,
        fmt::format("采集中心自 {} 起一直运行,却没有全体名册", ledger::format_time(since)),
        fmt::format("the collector ran since {} without a roster over all agents",
                    ledger::format_time(since)));
}

void AgentBook::retirement(std::uint64_t leaf, std::string_view text) {
  ++counts_.retirements;
  const auto retirement = ledger::parse_retirement(text);
  if (!retirement) {
    return found(FindingKind::tampered, leaf, "注销叶子无法解读", retirement.error().message);
  }
  signed_at(leaf, retirement->retired);
  const auto known = agents_.find(retirement->agent);
  const Position at{retirement->incarnation, retirement->batches};
  if (known == agents_.end() || known->second.at != at || known->second.head != retirement->head) {
    return found(FindingKind::tampered, leaf, "注销叶子与该主机的流不符",
                 "the retirement is not at the end of its agent's stream");
  }
  Agent& agent = known->second;
  end_silence(leaf, retirement->agent, agent, retirement->retired);
  agent.retired_leaf = leaf;
  agent.told.reset();
}

void AgentBook::endorsement(std::uint64_t leaf, std::string_view note) {
  const auto parsed = ledger::parse_note(note);
  const auto text = parsed ? ledger::parse_endorsement(parsed->text)
                           : ledger::Result<ledger::Endorsement>(
                                 ledger::fail(ledger::ErrorKind::reject, "not a note"));
  if (!text || text->origin != log_.name()) {
    return found(FindingKind::tampered, leaf, "背书叶子无法解读",
                 text ? "the endorsement is for another log" : text.error().message);
  }
  const auto enrolment = enrolments_.find(text->leaf);
  if (enrolment == enrolments_.end() || enrolment->second != text->hash) {
    return found(FindingKind::tampered, leaf,
                 fmt::format("背书所指的叶子 {} 不是该登记", text->leaf),
                 fmt::format("leaf {}, which it endorses, is another one", text->leaf));
  }
  if (ledger::open_endorsement(note, log_.name(), authorities_)) {
    ++counts_.endorsements;
    endorsed_.insert(text->leaf);
    return;
  }
  found(FindingKind::notice, leaf,
        fmt::format("叶子 {} 的背书不是由所给的主管部门公钥签署", text->leaf),
        fmt::format("the endorsement of leaf {} is by no authority's key that was given",
                    text->leaf));
}

// Where agents stood when the log had `size` leaves; only those that moved since.
std::map<std::string, AgentBook::Position> AgentBook::positions_since(std::uint64_t size) const {
  std::map<std::string, Position> at;
  for (auto moved = moved_.rbegin(); moved != moved_.rend() && moved->leaf >= size; ++moved) {
    at[moved->agent] = moved->before;
  }
  return at;
}

void AgentBook::roster(std::uint64_t leaf, const ledger::Roster& roster, std::string_view lines) {
  ++counts_.rosters;
  signed_at(leaf, roster.time);
  if (roster.size > leaf || roster.size + roster_lag_max < leaf) {
    return found(FindingKind::tampered, leaf, "名册所指的日志大小不合理",
                 "the roster names a tree that is not the one it was made for");
  }
  // A roster is made when the one before is in the log.
  if (const auto before = std::exchange(last_roster_, leaf); before && roster.size <= *before) {
    return found(FindingKind::tampered, leaf,
                 fmt::format("名册所指的日志还没有叶子 {} 的前一份名册", *before),
                 fmt::format("the roster is for a tree without the roster before it, leaf {}: "
                             "it was put there again, or late",
                             *before));
  }
  at_size_ = positions_since(roster.size);
  std::set<std::string, std::less<>> named;
  while (!lines.empty()) {
    const std::size_t end = std::min(lines.find('\n'), lines.size());
    const auto line = ledger::parse_roster_line(lines.substr(0, end));
    lines.remove_prefix(std::min(end + 1, lines.size()));
    ++counts_.roster_lines;
    if (!line) {
      found(FindingKind::tampered, leaf, "名册有无法解读的行", line.error().message);
      continue;
    }
    if (!named.insert(line->agent).second) {
      found(FindingKind::tampered, leaf, "名册中同一主机出现两次",
            "the roster names agent " + line->agent + " twice");
    }
    roster_line(leaf, roster, *line);
  }
  if (!roster.all) return;
  last_all_ = roster.time;
  gap_told_ = false;
  for (const auto& [id, agent] : agents_) {
    if (named.contains(id) || agent.retired_leaf || agent.enrolled_leaf >= roster.size) continue;
    found(FindingKind::tampered, leaf,
          fmt::format("名册漏列主机 {}(单位 {},代理 {})", agent.host, agent.unit, id),
          fmt::format("the roster leaves out host {} (unit {}, agent {})", agent.host, agent.unit,
                      id));
  }
}

void AgentBook::roster_line(std::uint64_t leaf, const ledger::Roster& roster,
                            const ledger::RosterLine& line) {
  const auto known = agents_.find(line.agent);
  if (known == agents_.end()) {
    return found(FindingKind::tampered, leaf, "名册列有未登记的代理 " + line.agent,
                 "the roster names agent " + line.agent + ", which is not enrolled");
  }
  Agent& agent = known->second;
  const Position at{line.incarnation, line.batch ? *line.batch + 1 : 0};
  const auto moved = at_size_.find(line.agent);
  const Position least = moved == at_size_.end() ? agent.at : moved->second;
  if (at < least || at > agent.at) {
    found(FindingKind::tampered, leaf,
          fmt::format("名册称主机 {} 止于批次 {},日志并非如此", agent.host,
                      line.batch ? std::to_string(*line.batch) : "-"),
          fmt::format("the roster says that host {} stands at batch {}, the log says otherwise",
                      agent.host, line.batch ? std::to_string(*line.batch) : "-"));
  }
  if (agent.retired_leaf && *agent.retired_leaf < roster.size) {
    found(FindingKind::tampered, leaf, "名册列有已注销的主机 " + agent.host,
          "the roster names host " + agent.host + ", which is retired");
  }
  check_live(leaf, roster.time, at, line);
  if (line.live) end_silence(leaf, line.agent, agent, roster.time);
  if (!line.live && !agent.silent_since) agent.silent_since = roster.time;
  agent.told = InRoster{roster.time, at, line.live};
}

// From one roster to the next it can be told whether an agent was heard for 180 s.
void AgentBook::check_live(std::uint64_t leaf, Time time, const Position& at,
                           const ledger::RosterLine& line) {
  const bool live = line.live;
  const Agent& agent = agents_.find(line.agent)->second;
  if (!agent.told || time < agent.told->time) return;
  const auto passed = time - agent.told->time;
  constexpr std::chrono::seconds margin{5};  // between reading the clock and reading the log
  if (live && at == agent.told->at && passed > roster_silent_after + margin) {
    found(FindingKind::tampered, leaf,
          fmt::format("名册称主机 {} 在线,但自 {} 以来没有它的批次", agent.host,
                      ledger::format_time(agent.told->time)),
          fmt::format("the roster calls host {} live, but no batch of it came since {}", agent.host,
                      ledger::format_time(agent.told->time)));
  }
  if (!live && at > agent.told->at && passed < roster_silent_after - margin) {
    found(FindingKind::tampered, leaf,
          fmt::format("名册称主机 {} 静默,但 {} 以来有它的批次", agent.host,
                      ledger::format_time(agent.told->time)),
          fmt::format("the roster calls host {} silent, but a batch of it came since {}",
                      agent.host, ledger::format_time(agent.told->time)));
  }
}

void AgentBook::end_silence(std::uint64_t leaf, const std::string& id, Agent& agent, Time until) {
  if (!agent.silent_since) return;
  const std::string from = ledger::format_time(*agent.silent_since);
  const std::string to = ledger::format_time(until);
  agent.silent_since.reset();
  found(FindingKind::notice, leaf,
        fmt::format("名册记载:主机 {}(单位 {},代理 {})自 {} 至 {} 静默", agent.host, agent.unit, id,
                    from, to),
        fmt::format("by the rosters host {} (unit {}, agent {}) was silent from {} to {}",
                    agent.host, agent.unit, id, from, to));
}

void AgentBook::finish() {
  for (auto& [id, agent] : agents_) {
    if (!agent.silent_since) continue;
    findings_->add(
        {FindingKind::notice, "rosters",
         fmt::format("名册记载:主机 {}(单位 {},代理 {})自 {} 起静默至今", agent.host, agent.unit,
                     id, ledger::format_time(*agent.silent_since)),
         fmt::format("by the rosters host {} (unit {}, agent {}) is silent since {}", agent.host,
                     agent.unit, id, ledger::format_time(*agent.silent_since)),
         ~std::uint64_t{0}});
  }
}

std::string AgentBook::save() const {
  const auto time = [](const std::optional<Time>& at) {
    return at ? ledger::format_time(*at) : std::string("-");
  };
  std::string out =
      fmt::format("own {} {} {} {}\ncounts {} {} {} {}\n", own_agent_.empty() ? "-" : own_agent_,
                  time(own_start_), time(last_all_), time(log_time_), counts_.rosters,
                  counts_.roster_lines, counts_.retirements, counts_.endorsements);
  if (!successor_.empty()) out += fmt::format("successor {}\n", successor_);
  if (last_roster_) out += fmt::format("roster {}\n", *last_roster_);
  for (const auto& [id, agent] : agents_) {
    out += fmt::format(
        "agent {} {} {} {} {} {} {} {} {}\n", id, agent.unit, agent.host, agent.at.incarnation,
        agent.at.batches, ledger::to_base64(ledger::as_view(agent.head)), agent.enrolled_leaf,
        agent.retired_leaf ? std::to_string(*agent.retired_leaf) : "-", time(agent.silent_since));
    if (!agent.told) continue;
    out +=
        fmt::format("told {} {} {} {} {}\n", id, ledger::format_time(agent.told->time),
                    agent.told->at.incarnation, agent.told->at.batches, agent.told->live ? 1 : 0);
  }
  for (const auto& [leaf, hash] : enrolments_) {
    out += fmt::format("enrolment {} {} {}\n", leaf, ledger::to_base64(ledger::as_view(hash)),
                       endorsed_.contains(leaf) ? 1 : 0);
  }
  return out;
}

bool AgentBook::load_line(std::string_view line) {
  Words words(line);
  const auto time = [&words]() -> std::optional<Time> {
    if (words.rest().starts_with('-')) return words.word(), std::nullopt;
    return words.time();
  };
  const std::string_view name = words.word();
  if (name == "own") {
    own_agent_ = words.word();
    own_start_ = time();
    last_all_ = time();
    log_time_ = time();
  } else if (name == "counts") {
    for (std::uint64_t* count :
         {&counts_.rosters, &counts_.roster_lines, &counts_.retirements, &counts_.endorsements}) {
      *count = words.number();
    }
  } else if (name == "agent") {
    Agent& agent = agents_[std::string(words.word())];
    agent.unit = words.word();
    agent.host = words.word();
    agent.at.incarnation = words.number();
    agent.at.batches = words.number();
    agent.head = words.hash();
    agent.enrolled_leaf = words.number();
    if (words.rest().starts_with('-')) {
      words.word();
    } else {
      agent.retired_leaf = words.number();
    }
    agent.silent_since = time();
  } else if (name == "told") {
    Agent& agent = agents_[std::string(words.word())];
    InRoster told;
    told.time = words.time();
    told.at.incarnation = words.number();
    told.at.batches = words.number();
    told.live = words.number() == 1;
    agent.told = told;
  } else if (name == "successor") {
    successor_ = words.word();
  } else if (name == "roster") {
    last_roster_ = words.number();
  } else if (name == "enrolment") {
    const std::uint64_t leaf = words.number();
    enrolments_[leaf] = words.hash();
    if (words.number() == 1) endorsed_.insert(leaf);
  } else {
    return false;
  }
  return words.good();
}

bool AgentBook::load(std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (!load_line(text.substr(0, end))) return false;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return true;
}

}  // namespace yunjian::auditor
