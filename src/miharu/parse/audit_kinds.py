"""Nothing → the kinds of audit records by number: the kernel's own lines give no more (<linux/audit.h>, libaudit.h)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_USER: Final = (
    *("USER_AUTH", "USER_ACCT", "USER_MGMT", "CRED_ACQ", "CRED_DISP", "USER_START", "USER_END", "USER_AVC"),
    *("USER_CHAUTHTOK", "USER_ERR", "CRED_REFR", "USYS_CONFIG", "USER_LOGIN", "USER_LOGOUT", "ADD_USER"),
    *("DEL_USER", "ADD_GROUP", "DEL_GROUP", "DAC_CHECK", "CHGRP_ID", "TEST", "TRUSTED_APP"),
    *("USER_SELINUX_ERR", "USER_CMD", "USER_TTY", "CHUSER_ID", "GRP_AUTH", "SYSTEM_BOOT", "SYSTEM_SHUTDOWN"),
    *("SYSTEM_RUNLEVEL", "SERVICE_START", "SERVICE_STOP", "GRP_MGMT", "GRP_CHAUTHTOK", "MAC_CHECK"),
    *("ACCT_LOCK", "ACCT_UNLOCK", "USER_DEVICE", "SOFTWARE_UPDATE"),
)
_EVENT: Final = (
    *("SYSCALL", "FS_WATCH", "PATH", "IPC", "SOCKETCALL", "CONFIG_CHANGE", "SOCKADDR", "CWD", "FS_INODE"),
    *("EXECVE", "USER_AVC_PATH", "IPC_SET_PERM", "MQ_OPEN", "MQ_SENDRECV", "MQ_NOTIFY", "MQ_GETSETATTR"),
    *("KERNEL_OTHER", "FD_PAIR", "OBJ_PID", "TTY", "EOE", "BPRM_FCAPS", "CAPSET", "MMAP", "NETFILTER_PKT"),
    *("NETFILTER_CFG", "SECCOMP", "PROCTITLE", "FEATURE_CHANGE", "REPLACE", "KERN_MODULE", "FANOTIFY"),
    *("TIME_INJOFFSET", "TIME_ADJNTPVAL", "BPF", "EVENT_LISTENER", "URINGOP", "OPENAT2", "DM_CTRL"),
    *("DM_EVENT",),
)
_POLICY: Final = (
    *("AVC", "SELINUX_ERR", "AVC_PATH", "MAC_POLICY_LOAD", "MAC_STATUS", "MAC_CONFIG_CHANGE"),
    *("MAC_UNLBL_ALLOW", "MAC_CIPSOV4_ADD", "MAC_CIPSOV4_DEL", "MAC_MAP_ADD", "MAC_MAP_DEL"),
    *("MAC_IPSEC_ADDSA", "MAC_IPSEC_DELSA", "MAC_IPSEC_ADDSPD", "MAC_IPSEC_DELSPD", "MAC_IPSEC_EVENT"),
    *("MAC_UNLBL_STCADD", "MAC_UNLBL_STCDEL", "MAC_CALIPSO_ADD", "MAC_CALIPSO_DEL"),
)
_ANOMALY: Final = (*("ANOM_PROMISCUOUS", "ANOM_ABEND", "ANOM_LINK", "ANOM_CREAT"),)

KINDS: Final[Mapping[str, str]] = {"1006": "LOGIN"} | {
    str(first + at): name
    for first, names in ((1100, _USER), (1300, _EVENT), (1400, _POLICY), (1700, _ANOMALY))
    for at, name in enumerate(names)
}
