#include "tests/bench/fleet/fleet_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

namespace yunjian::fleet {

namespace {

struct RoleFacts {
  std::string_view key, verdict, flag;
};
constexpr std::array<RoleFacts, role_count> roles = {{
    {"ordinary", "normal", ""},
    {"month_end", "normal", ""},
    {"low", "low", "low"},
    {"idle", "idle", "idle"},
    {"starving", "high", "high"},
    {"severe", "severe", "severe"},
    {"filling", "severe", "severe"},
    {"faked", "faked_load", "faked_load"},
    {"wrong_shape", "wrong_shape", "wrong_shape"},
    {"silent", "insufficient_data", ""},
    {"off", "off", "off"},
    {"resized", "normal", ""},
    {"standby", "idle", ""},
    {"fresh", "insufficient_data", ""},
    {"agreed", "normal", ""},
    {"exempted", "low", ""},
}};

// Thirty hosts hold each kind at least once; larger fleets repeat them.
constexpr std::array<Role, 30> mix = {
    Role::ordinary, Role::low,      Role::ordinary,    Role::idle,     Role::month_end,
    Role::starving, Role::ordinary, Role::faked,       Role::ordinary, Role::severe,
    Role::ordinary, Role::low,      Role::wrong_shape, Role::agreed,   Role::silent,
    Role::ordinary, Role::off,      Role::month_end,   Role::idle,     Role::ordinary,
    Role::filling,  Role::ordinary, Role::standby,     Role::low,      Role::resized,
    Role::ordinary, Role::fresh,    Role::exempted,    Role::starving, Role::ordinary};

constexpr std::array<std::string_view, 10> counties = {
    "", "云山区", "临河县", "平原县", "青石县", "白水县", "高岭区", "东湖区", "西关区", "开发区"};
constexpr std::array<std::string_view, 20> bureaus = {"财政局",
                                                      "税务局",
                                                      "人力资源和社会保障局",
                                                      "自然资源局",
                                                      "卫生健康委员会",
                                                      "教育局",
                                                      "交通运输局",
                                                      "水利局",
                                                      "应急管理局",
                                                      "市场监督管理局",
                                                      "民政局",
                                                      "生态环境局",
                                                      "农业农村局",
                                                      "统计局",
                                                      "住房和城乡建设局",
                                                      "审计局",
                                                      "医疗保障局",
                                                      "文化广电和旅游局",
                                                      "司法局",
                                                      "政务服务和大数据管理局"};
constexpr std::array<std::string_view, 6> systems = {
    "门户网站", "业务审批系统", "数据共享平台", "统计报送系统", "视频会议", "档案管理系统"};
constexpr std::array<std::pair<unsigned, unsigned>, 4> sizes = {{{4, 8}, {8, 16}, {4, 16}, {2, 4}}};

std::size_t units_for(std::size_t hosts) {
  const std::size_t wanted = hosts / 50;
  return std::clamp<std::size_t>(wanted, 6, counties.size() * bureaus.size());
}

std::string spec_of(const PlannedHost& host) {
  return fmt::format("s{}-{}", host.vcpus, host.memory_gb);
}

std::vector<rules::Month> months_of(const Plan& plan) {
  std::vector<rules::Month> months;
  for (auto month = plan.first; month <= plan.last; month += std::chrono::months(1)) {
    months.push_back(month);
  }
  return months;
}

unsigned days_of(rules::Month month) {
  return static_cast<unsigned>((month / std::chrono::last).day());
}

std::string day(rules::Month month, unsigned number) {
  return fmt::format("{}-{:02}", rules::format_month(month), number);
}

std::string_view zone_of(const PlannedSystem& system) {
  return system.is_public ? "internet" : "government";
}

const PlannedSystem& system_of(const Plan& plan, const PlannedHost& host) {
  return *std::find_if(plan.systems.begin(), plan.systems.end(),
                       [&](const PlannedSystem& system) { return system.id == host.system_id; });
}

using Files = std::vector<std::pair<std::string, std::string>>;

void add_lists(const Plan& plan, Files& files) {
  std::string units = "id,name,county\n";
  for (const auto& unit : plan.units) {
    units += fmt::format("{},{},{}\n", unit.id, unit.name, unit.county);
  }
  std::string hosts = "id,unit,system,name,vcpus,memory_gb,purpose,address\n";
  std::string planted = "host,role,verdict,flag\n";
  std::size_t number = 0;
  for (const auto& host : plan.hosts) {
    ++number;
    hosts += fmt::format("{},{},{},{},{},{},{},10.{}.{}.{}\n", host.id, host.unit, host.system,
                         host.name, host.vcpus, host.memory_gb,
                         host.role == Role::standby ? "dr" : "production", 20 + number / 60000,
                         number / 250 % 240, 1 + number % 250);
    planted += fmt::format("{},{},{},{}\n", host.id, role_key(host.role),
                           planted_verdict(host.role), planted_flag(host.role));
  }
  files.emplace_back("units.csv", std::move(units));
  files.emplace_back("hosts.csv", std::move(hosts));
  files.emplace_back("planted.csv", std::move(planted));
}

void add_terms(const Plan& plan, Files& files) {
  std::string spec = "id,name,vcpus,memory_gb,month_price,from\n";
  for (const unsigned vcpus : {1U, 2U, 4U, 8U, 16U, 32U}) {
    for (const unsigned ratio : {1U, 2U, 4U}) {
      spec += fmt::format("s{0}-{1},{0} 核 {1} GB,{0},{1},{2}.50,2024-01-01\n", vcpus,
                          vcpus * ratio, vcpus * 45 + vcpus * ratio * 18);
    }
  }
  std::string terms = "id,host,system,zone,disk_gb,state,online_from,spec\n";
  std::string power = "id,host,month,off_days\n";
  for (const auto& host : plan.hosts) {
    const bool fresh = host.role == Role::fresh;
    terms += fmt::format("t-{},{},{},{},200,{},{},{}\n", host.id, host.id, host.system_id,
                         zone_of(system_of(plan, host)), fresh ? "trial" : "online",
                         fresh ? day(plan.last, 15) : "2024-03-01", spec_of(host));
    if (host.role != Role::off) continue;
    for (const auto month : months_of(plan)) {
      power += fmt::format("p-{}-{},{},{},{}\n", host.id, rules::format_month(month), host.id,
                           rules::format_month(month), days_of(month));
    }
  }
  files.emplace_back("spec.csv", std::move(spec));
  files.emplace_back("host_terms.csv", std::move(terms));
  files.emplace_back("power.csv", std::move(power));
}

// Counties, systems, and the hosts whose limits or flags were agreed otherwise.
void add_inventory(const Plan& plan, Files& files) {
  std::string listed = "id,name,payer\n";
  for (std::size_t i = 1; i < counties.size(); ++i) {
    listed += fmt::format("c-{0},{1},{1}财政局\n", i, counties[i]);
  }
  std::string systems_list = "id,unit,name,mlps_level,zone,public\n";
  for (const auto& system : plan.systems) {
    systems_list +=
        fmt::format("{},{},{},{},{},{}\n", system.id, system.unit, system.name, system.mlps_level,
                    zone_of(system), system.is_public ? "yes" : "no");
  }
  std::string agreement = "id,unit,host,signed,from,limits,document\n";
  std::string exemption = "id,host,type,reason,approver,from,until\n";
  for (const auto& host : plan.hosts) {
    if (host.role == Role::agreed) {
      agreement += fmt::format(
          "XQ-{0},{1},{0},2024-03-01,2024-03-01,\"{{\"\"low\"\":{{\"\"cpu_p95\"\":8}}}}\","
          "需求确认书 {0}\n",
          host.id, host.unit);
    }
    if (host.role == Role::exempted) {
      exemption += fmt::format("HM-{0},{0},key_event,重大活动保障期间保留资源,市大数据局,{1},{2}\n",
                               host.id, day(plan.last - std::chrono::months(11), 1),
                               day(plan.last, days_of(plan.last)));
    }
  }
  files.emplace_back("county.csv", std::move(listed));
  files.emplace_back("system.csv", std::move(systems_list));
  files.emplace_back("agreement.csv", std::move(agreement));
  files.emplace_back("exemption.csv", std::move(exemption));
}

// A little of everything that the reports of operations and security show.
void add_register(const Plan& plan, Files& files) {
  const auto month = plan.last;
  const std::string& unit = plan.units.front().id;
  files.emplace_back("resource.csv", fmt::format("id,unit,type,name,quantity,measure\n"
                                                 "r-1,{0},database,业务库 PostgreSQL,2,套\n"
                                                 "r-2,{0},storage,对象存储,5000,GB\n"
                                                 "r-3,{0},network,出口带宽,200,Mb/s\n",
                                                 unit));
  files.emplace_back("resource_usage.csv",
                     fmt::format("id,resource,month,used\nru-1,r-2,{0},3210.5\nru-2,r-3,{0},87\n",
                                 rules::format_month(month)));
  const auto add = [&](const char* name, std::string text) {
    files.emplace_back(name, std::move(text));
  };
  add("incident.csv", fmt::format("id,title,level,began,resolved,responsible,timeline\n"
                                  "I-1,统一认证无法登录,3,{0} 09:12,{0} 10:40,云服务商,"
                                  "09:12 用户报障；09:20 定位为证书过期；10:40 更换后恢复\n",
                                  day(month, 13)));
  add("change.csv", fmt::format("id,title,applied,planned,done,impact,result\n"
                                "C-1,核心交换机升级,{},{},{},夜间窗口，双机切换，无中断,成功\n"
                                "C-2,存储扩容,{},{},{},在线扩容，无影响,成功\n",
                                day(month, 9), day(month, 20), day(month, 20), day(month, 26),
                                day(month, 27), day(month, 27)));
  add("drill.csv", fmt::format("id,date,scenario,participants,result\n"
                               "D-1,{},主备机房切换,云服务商与市财政局,成功，RTO 23 分钟\n",
                               day(month, 22)));
  add("vulnerability.csv",
      fmt::format("id,title,severity,found,responsible\nV-1,OpenSSH 版本过低,medium,{},云服务商\n",
                  day(month, 11)));
  std::string backups = "id,date,type,result,size_gb\n";
  std::string duty = "id,date,shift,person\n";
  constexpr std::array<std::string_view, 4> people = {"王磊", "李静", "张敏", "刘洋"};
  for (unsigned i = 1; i <= days_of(month); ++i) {
    duty += fmt::format("N-{0},{1},night,{2}\n", i, day(month, i), people[i % 4]);
    if (i % 7 == 1) backups += fmt::format("B-{0},{1},full,good,812.5\n", i, day(month, i));
  }
  add("backup.csv", std::move(backups));
  add("duty.csv", std::move(duty));
  add("security_event.csv",
      fmt::format("id,title,type,level,began,resolved,count,measures\n"
                  "S-1,对门户网站的口令暴力破解,attack_blocked,4,{0} 02:10,{0} 02:40,1820,"
                  "源地址封禁 24 小时\n",
                  day(month, 17)));
  add("rectification.csv", fmt::format("id,demand,issued,due,responsible\n"
                                       "G-1,三个月未改口令的账户限期整改,{},{},云服务商\n",
                                       day(month, 10), day(month, 25)));
}

}  // namespace

std::string_view role_key(Role role) { return roles[static_cast<std::size_t>(role)].key; }
std::string_view planted_verdict(Role role) {
  return roles[static_cast<std::size_t>(role)].verdict;
}
std::string_view planted_flag(Role role) { return roles[static_cast<std::size_t>(role)].flag; }

Plan make_plan(std::size_t hosts, rules::Month last, int months) {
  Plan plan{.first = last - std::chrono::months(months - 1), .last = last};
  for (std::size_t i = 0; i < units_for(hosts); ++i) {
    const std::string_view county = counties[i % counties.size()];
    const std::string_view bureau = bureaus[(i / counties.size() + i) % bureaus.size()];
    plan.units.push_back({.id = fmt::format("u-{:03}", i + 1),
                          .name = fmt::format("{}{}", county.empty() ? "市" : county, bureau),
                          .county = std::string(county)});
  }
  std::set<std::string> known;
  for (std::size_t i = 0; i < hosts; ++i) {
    const auto [vcpus, memory_gb] = sizes[i % sizes.size()];
    const std::size_t which = i / 3 % systems.size();
    const std::string& unit = plan.units[i % plan.units.size()].id;
    PlannedSystem system{.id = fmt::format("{}-sys-{}", unit, which + 1),
                         .name = std::string(systems[which]),
                         .unit = unit,
                         .mlps_level = which < 3 ? 3U : 2U,
                         .is_public = which == 0};
    plan.hosts.push_back({.id = fmt::format("ecs-{:05}", i + 1),
                          .name = fmt::format("{}-{:02}", system.name, i % 7 + 1),
                          .unit = unit,
                          .system = system.name,
                          .system_id = system.id,
                          .role = mix[i % mix.size()],
                          .vcpus = vcpus,
                          .memory_gb = memory_gb});
    if (known.insert(system.id).second) plan.systems.push_back(std::move(system));
  }
  return plan;
}

std::vector<std::pair<std::string, std::string>> plan_files(const Plan& plan) {
  Files files;
  add_lists(plan, files);
  add_inventory(plan, files);
  add_terms(plan, files);
  add_register(plan, files);
  return files;
}

}  // namespace yunjian::fleet
