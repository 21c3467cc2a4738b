//! What is found of systemd's units, and why systemd made no process.

use super::findings;

findings! {
    RUNS_OUTSIDE: "runs-outside-systemd",
        "it runs outside of its unit: an agent with supervisor = \"embedded\" started it",
        "its next start is in {unit}"
        => "它在运行，但不在它的单元里：是 supervisor = \"embedded\" 的 agent 启动的",
        "下次启动时它就在 {unit} 里";
    RUNS_ALREADY: "runs-outside-systemd",
        "it runs already, as pid {pid}, and not in its unit: an agent started it itself, or a person did",
        "stop that process (SIGTERM); its unit is started then"
        => "它已经在运行（pid {pid}），但不在它的单元里：是 agent 自己或有人启动的",
        "停掉那个进程（SIGTERM）；之后会启动它的单元";
    UNIT_REFUSED: "unit-refused",
        "systemd does not start {unit}: {why}", ""
        => "systemd 不启动 {unit}：{why}", "";
    NO_UNIT: "no-unit",
        "{why}", "give it another name or folder"
        => "不能为它生成单元：{why}", "给它另一个名字或目录";
    FOREIGN_UNIT: "foreign-unit",
        "{path} is there and was not made by this agent", "stop and disable that unit and move its file away"
        => "{path} 已经存在，但不是这个 agent 写的", "停止并 disable 那个单元，把它的文件移走";
    DEPENDENCY_FAILED: "dependency-failed",
        "systemd could not start what {unit} needs, such as the mount of its folder",
        "`systemctl list-dependencies {unit}` shows it"
        => "systemd 没能启动 {unit} 所依赖的东西，例如它的目录的挂载",
        "`systemctl list-dependencies {unit}` 会显示是什么";
    HELD_BY_HAND: "stopped-by-hand",
        "it was stopped by hand", "`rocketmq-agent start {instance}`, or a reboot, starts it again"
        => "有人停止了它", "`rocketmq-agent start {instance}` 或重启主机会再次启动它";
    UNIT_STOPPED_BY_HAND: "stopped-by-hand",
        "{unit} was stopped, and not by this agent",
        "`systemctl start {service}`, or a reboot, starts it again"
        => "{unit} 被停止了，不是这个 agent 做的",
        "`systemctl start {service}` 或重启主机会再次启动它";
    KILLED_IN_TIME: "killed-after-stop",
        "it was told to stop and had not ended in the time that its unit gives it (TimeoutStopSec), so systemd killed it",
        "the next start checks the store from end to end"
        => "它被要求停止，在单元给它的时间（TimeoutStopSec）内没有结束，所以 systemd 强行结束了它",
        "下次启动会从头到尾检查存储";
    PROCESS_NOT_MADE: "process-not-made",
        "systemd could not make its process: ‹{why}›‹{folder} cannot be entered›‹{file} cannot be opened›‹exit status {status}›",
        "`journalctl -u {unit}` has systemd's own words"
        => "systemd 不能创建它的进程：‹{why}›‹不能进入 {folder}›‹不能打开 {file}›‹退出状态 {status}›",
        "`journalctl -u {unit}` 中有 systemd 自己的话";
    FOLDER_MISSING: "folder-missing",
        "{folder} is not there, so systemd could not make its process",
        "mount the disk or bring the folder back, with the data if it had any; `journalctl -u {unit}` has systemd's own words"
        => "{folder} 不在，所以 systemd 不能创建它的进程",
        "挂载磁盘，或把目录连同原有的数据放回来；`journalctl -u {unit}` 中有 systemd 自己的话";
    FLOCK_UNUSABLE: "flock-unusable",
        "{flock} cannot be executed", "install util-linux; `journalctl -u {unit}` has systemd's own words"
        => "不能执行 {flock}", "安装 util-linux；`journalctl -u {unit}` 中有 systemd 自己的话";
    ACCOUNT_UNKNOWN: "account-unknown",
        "the account that it runs as is not known on this host",
        "`systemd-sysusers` makes those of the package; or set embedded.run_as in agent.toml"
        => "这台主机上没有它运行所用的账号",
        "`systemd-sysusers` 会建立安装包的账号；或在 agent.toml 中设置 embedded.run_as";
}
