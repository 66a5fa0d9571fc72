#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace yunjian::agent::testing {

// What auditd writes (log_format ENRICHED but where said otherwise), one record each.

inline const std::string exec_program_path =
    "type=PATH msg=audit(1764403200.123:501): item=0 name=\"/usr/bin/ls\" inode=1311 dev=08:01 "
    "mode=0100755 ouid=0 ogid=0 rdev=00:00 nametype=NORMAL cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0 "
    "cap_frootid=0\x1DOUID=\"root\" OGID=\"root\"";

inline const std::string exec_loader_path =
    "type=PATH msg=audit(1764403200.123:501): item=1 name=\"/lib64/ld-linux-x86-64.so.2\" "
    "inode=2822 dev=08:01 mode=0100755 ouid=0 ogid=0 rdev=00:00 nametype=NORMAL cap_fp=0 cap_fi=0 "
    "cap_fe=0 cap_fver=0 cap_frootid=0\x1DOUID=\"root\" OGID=\"root\"";

// `ls -l "my file"` by a person who became root; the last argument holds a blank, hence hex.
inline const std::vector<std::string> exec_event = {
    "type=SYSCALL msg=audit(1764403200.123:501): arch=c000003e syscall=59 success=yes exit=0 "
    "a0=55d0c8 a1=55d0d8 a2=55d0e8 a3=8 items=2 ppid=2101 pid=2102 auid=1000 uid=0 gid=0 euid=0 "
    "suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=pts0 ses=3 comm=\"ls\" exe=\"/usr/bin/ls\" "
    "subj=unconfined key=\"rootcmd\"\x1D"
    "ARCH=x86_64 SYSCALL=execve AUID=\"li\" UID=\"root\" GID=\"root\" EUID=\"root\" "
    "SUID=\"root\" FSUID=\"root\" EGID=\"root\" SGID=\"root\" FSGID=\"root\"",
    "type=EXECVE msg=audit(1764403200.123:501): argc=3 a0=\"ls\" a1=\"-l\" a2=6D792066696C65",
    "type=CWD msg=audit(1764403200.123:501): cwd=\"/root\"",
    exec_program_path,
    exec_loader_path,
    "type=PROCTITLE msg=audit(1764403200.123:501): proctitle=6C73002D6C006D792066696C65"};

// A refused read (not enriched) by a program whose name needs hex.
inline const std::vector<std::string> denied_event = {
    "type=SYSCALL msg=audit(1764403200.124:502): arch=c000003e syscall=257 success=no exit=-13 "
    "a0=ffffff9c a1=7ffd a2=0 a3=0 items=1 ppid=1 pid=2200 auid=4294967295 uid=33 gid=33 euid=33 "
    "suid=33 fsuid=33 egid=33 sgid=33 fsgid=33 tty=(none) ses=4294967295 comm=6576696C206E616D65 "
    "exe=\"/usr/sbin/nginx\" key=61636365737301736861646F77",
    "type=CWD msg=audit(1764403200.124:502): cwd=\"/\"",
    "type=PATH msg=audit(1764403200.124:502): item=0 name=\"/etc/shadow\" inode=99 dev=08:01 "
    "mode=0100640 ouid=0 ogid=42 rdev=00:00 nametype=NORMAL",
    "type=PROCTITLE msg=audit(1764403200.124:502): proctitle=\"nginx\""};

inline const std::string sudo_line =
    "type=USER_CMD msg=audit(1764403201.000:503): pid=2300 uid=1000 auid=1000 ses=3 "
    "subj=unconfined msg='cwd=\"/home/li\" cmd=6361742027E585ACE6968727 "
    "exe=\"/usr/bin/sudo\" terminal=pts/0 res=success'\x1DUID=\"li\" AUID=\"li\"";

inline const std::string failed_login_line =
    "type=USER_LOGIN msg=audit(1764403202.000:504): pid=2400 uid=0 auid=4294967295 "
    "ses=4294967295 subj=unconfined msg='op=login acct=\"wang\" exe=\"/usr/sbin/sshd\" "
    "hostname=? addr=10.1.2.3 terminal=sshd res=failed'\x1DUID=\"root\" AUID=\"unset\"";

// LOGIN is followed by the records of the call that set the login id.
inline const std::vector<std::string> login_event = {
    "type=LOGIN msg=audit(1764403203.500:505): pid=2500 uid=0 subj=unconfined "
    "old-auid=4294967295 auid=1000 tty=(none) old-ses=4294967295 ses=4 res=1\x1DUID=\"root\" "
    "OLD-AUID=\"unset\" AUID=\"li\"",
    "type=SYSCALL msg=audit(1764403203.500:505): arch=c000003e syscall=1 success=yes exit=4 a0=3 "
    "a1=7f a2=4 a3=0 items=0 ppid=1 pid=2500 auid=1000 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 "
    "sgid=0 fsgid=0 tty=(none) ses=4 comm=\"sshd\" exe=\"/usr/sbin/sshd\" key=(null)\x1D"
    "ARCH=x86_64 SYSCALL=write AUID=\"li\" UID=\"root\"",
    "type=PROCTITLE msg=audit(1764403203.500:505): proctitle=\"sshd: li [priv]\""};

inline std::string joined(const std::vector<std::string>& lines, std::string_view separator) {
  std::string out;
  for (const auto& line : lines) {
    if (!out.empty()) out += separator;
    out += line;
  }
  return out;
}

inline std::string file_text(const std::vector<std::string>& lines) {
  return joined(lines, "\n") + "\n";
}

}  // namespace yunjian::agent::testing
