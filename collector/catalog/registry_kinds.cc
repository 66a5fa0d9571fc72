#include <algorithm>
#include <array>

#include "collector/catalog/registry.h"

namespace yunjian::collector {

namespace {

using enum FieldType;

constexpr bool needed = true;
constexpr bool optional = false;

constexpr FieldDef county_fields[] = {
    {"name", text, needed, "县（区）名称"},
    {"payer", text, optional, "结算单位"},
};

constexpr FieldDef system_fields[] = {
    {"unit", reference, needed, "使用单位", "unit"},
    {"name", text, needed, "业务系统名称"},
    {"mlps_level", choice, optional, "等保级别", "1 2 3 4"},
    {"zone", choice, optional, "网络区域", "government internet"},
    {"public", yes_no, optional, "面向公众"},
};

constexpr FieldDef host_terms_fields[] = {
    {"host", reference, needed, "云主机", "host"},
    {"system", reference, optional, "业务系统", "system"},
    {"zone", choice, optional, "网络区域", "government internet"},
    {"disk_gb", decimal, optional, "存储（GB）"},
    {"state", choice, optional, "状态", "trial online changing leaving retired"},
    {"trial_from", date, optional, "试用起"},
    {"online_from", date, optional, "开通日期"},
    {"changing_from", date, optional, "变更起"},
    {"leaving_from", date, optional, "退出申请"},
    {"retired_on", date, optional, "退役日期"},
    {"spec", reference, optional, "目录规格", "spec"},
    {"payer", choice, optional, "付费方", "city county"},
};

constexpr FieldDef resource_fields[] = {
    {"unit", reference, needed, "使用单位", "unit"},
    {"system", reference, optional, "业务系统", "system"},
    {"type", choice, needed, "资源类别", "database storage network security backup other"},
    {"name", text, needed, "名称"},
    {"quantity", decimal, needed, "数量"},
    {"measure", text, needed, "计量单位"},
};

constexpr FieldDef resource_usage_fields[] = {
    {"resource", reference, needed, "资源", "resource"},
    {"month", month, needed, "月份"},
    {"used", decimal, needed, "实际使用"},
    {"note", text, optional, "备注"},
};

constexpr FieldDef power_fields[] = {
    {"host", reference, needed, "云主机", "host"},
    {"month", month, needed, "月份"},
    {"off_days", decimal, needed, "连续关机天数"},
};

constexpr FieldDef spec_fields[] = {
    {"name", text, needed, "规格名称"},
    {"vcpus", whole, needed, "vCPU"},
    {"memory_gb", decimal, needed, "内存（GB）"},
    {"disk_gb", decimal, optional, "存储（GB）"},
    {"month_price", decimal, optional, "月单价（元）"},
    {"from", date, needed, "生效"},
    {"until", date, optional, "失效"},
};

constexpr FieldDef agreement_fields[] = {
    {"unit", reference, needed, "使用单位", "unit"},
    {"system", reference, optional, "业务系统", "system"},
    {"host", reference, optional, "云主机", "host"},
    {"signed", date, needed, "确认日期"},
    {"from", date, needed, "生效"},
    {"until", date, optional, "失效"},
    {"limits", text, optional, "约定阈值"},
    {"document", text, optional, "文号"},
};

constexpr FieldDef exemption_fields[] = {
    {"host", reference, needed, "云主机", "host"},
    {"type", choice, needed, "豁免类型",
     "disaster_recovery trial recently_online key_event old_system_kept change_freeze "
     "security_component declared_cycle legal_retention"},
    {"reason", text, needed, "理由"},
    {"approver", text, needed, "批准人"},
    {"from", date, needed, "起"},
    {"until", date, needed, "止"},
};

constexpr FieldDef incident_fields[] = {
    {"unit", reference, optional, "使用单位", "unit"},
    {"system", reference, optional, "业务系统", "system"},
    {"title", text, needed, "故障"},
    {"level", choice, needed, "级别", "1 2 3 4"},
    {"began", time, needed, "发生"},
    {"reported", time, optional, "报告"},
    {"resolved", time, optional, "恢复"},
    {"responsible", text, needed, "责任单位"},
    {"cause", text, optional, "原因"},
    {"timeline", text, optional, "处理过程"},
};

constexpr FieldDef change_fields[] = {
    {"title", text, needed, "变更"},          {"applied", date, needed, "申请日期"},
    {"planned", date, needed, "计划实施"},    {"done", date, optional, "实际实施"},
    {"impact", text, needed, "安全影响分析"}, {"approver", text, optional, "批准人"},
    {"result", text, optional, "结果"},
};

constexpr FieldDef drill_fields[] = {
    {"date", date, needed, "演练日期"},
    {"scenario", text, needed, "科目"},
    {"participants", text, optional, "参加单位"},
    {"result", text, needed, "结论"},
};

constexpr FieldDef backup_fields[] = {
    {"unit", reference, optional, "使用单位", "unit"},
    {"system", reference, optional, "业务系统", "system"},
    {"date", date, needed, "日期"},
    {"type", choice, needed, "方式", "full incremental restore_test"},
    {"result", choice, needed, "结果", "good failed"},
    {"size_gb", decimal, optional, "数据量（GB）"},
    {"note", text, optional, "备注"},
};

constexpr FieldDef duty_fields[] = {
    {"date", date, needed, "日期"},
    {"shift", choice, needed, "班次", "day night"},
    {"person", text, needed, "值班人"},
    {"note", text, optional, "值班记录"},
};

constexpr FieldDef security_event_fields[] = {
    {"unit", reference, optional, "使用单位", "unit"},
    {"host", reference, optional, "云主机", "host"},
    {"title", text, needed, "事件"},
    {"type", choice, needed, "类别", "attack_blocked intrusion malware data_leak misuse other"},
    {"level", choice, needed, "级别", "1 2 3 4"},
    {"began", time, needed, "发现"},
    {"resolved", time, optional, "处置完成"},
    {"count", whole, optional, "次数"},
    {"measures", text, optional, "处置措施"},
};

constexpr FieldDef vulnerability_fields[] = {
    {"unit", reference, optional, "使用单位", "unit"},
    {"host", reference, optional, "云主机", "host"},
    {"title", text, needed, "漏洞"},
    {"severity", choice, needed, "等级", "low medium high critical"},
    {"found", date, needed, "发现日期"},
    {"fixed", date, optional, "修复日期"},
    {"responsible", text, optional, "责任方"},
};

constexpr FieldDef rectification_fields[] = {
    {"unit", reference, optional, "使用单位", "unit"},
    {"demand", text, needed, "整改要求"},
    {"issued", date, needed, "下达日期"},
    {"due", date, needed, "期限"},
    {"done", date, optional, "完成日期"},
    {"responsible", text, needed, "责任单位"},
    {"result", text, optional, "结果"},
};

constexpr KindDef kinds[] = {
    {"county", Shelf::inventory, "县（区）", true, county_fields},
    {"system", Shelf::inventory, "业务系统", false, system_fields},
    {"host_terms", Shelf::inventory, "云主机台账", false, host_terms_fields},
    {"resource", Shelf::inventory, "其他资源", false, resource_fields},
    {"resource_usage", Shelf::inventory, "其他资源月用量", false, resource_usage_fields},
    {"power", Shelf::inventory, "关机", false, power_fields},
    {"spec", Shelf::inventory, "云服务目录", true, spec_fields},
    {"agreement", Shelf::inventory, "需求确认", false, agreement_fields},
    {"exemption", Shelf::inventory, "豁免", false, exemption_fields},
    {"incident", Shelf::operations, "故障", false, incident_fields},
    {"change", Shelf::operations, "重大变更", true, change_fields},
    {"drill", Shelf::operations, "应急演练", true, drill_fields},
    {"backup", Shelf::operations, "备份与恢复", false, backup_fields},
    {"duty", Shelf::operations, "值班值守", true, duty_fields},
    {"security_event", Shelf::operations, "安全事件", false, security_event_fields},
    {"vulnerability", Shelf::operations, "漏洞", false, vulnerability_fields},
    {"rectification", Shelf::operations, "整改", false, rectification_fields},
};

}  // namespace

std::span<const KindDef> registry_kinds() { return kinds; }

const KindDef* find_kind(std::string_view key) {
  const auto* found = std::find_if(std::begin(kinds), std::end(kinds),
                                   [&](const auto& kind) { return kind.key == key; });
  return found == std::end(kinds) ? nullptr : found;
}

}  // namespace yunjian::collector
