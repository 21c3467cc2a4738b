#!/usr/bin/env bash
# Makes rocketmq-all-VERSION-bin-release.zip, laid out like Apache's release, from Maven Central.
#
#   tests/rocketmq/make-distribution.sh VERSION [OUTPUT_DIR]      (default: target/rocketmq)
#
# Apache's own zip is only on archive servers that test machines often cannot reach; its jars are all on Maven
# Central. The result has what a supervisor that starts java itself needs: lib, conf, LICENSE, NOTICE. The start
# scripts of bin and the benchmark programs are not on Maven Central, so those two folders are empty.
#
# A zip that agrees with its .sha512 is kept (delete it to have it made again). The same version gives the same
# bytes on one machine. Works for 4.5 and newer, as far as Maven Central has all modules of that version.
set -euo pipefail
export LC_ALL=C TZ=UTC
umask 022

usage() { sed -n '4s/^# *//p' "$0" >&2; exit 2; }
[[ $# -ge 1 && $# -le 2 && $1 =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] || usage
version=$1
root=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "${2:-$root/target/rocketmq}"
output=$(cd "${2:-$root/target/rocketmq}" && pwd)
name=rocketmq-all-$version-bin-release
zip=$output/$name.zip

if (cd "$output" && sha512sum --check --status "$name.zip.sha512") 2>/dev/null; then
    echo "rocketmq $version: kept, it agrees with its sha512" >&2
    echo "$zip"
    exit 0
fi
for tool in mvn zip unzip; do
    command -v "$tool" >/dev/null || { echo "rocketmq $version: $tool is missing; run tests/setup.sh" >&2; exit 1; }
done

# In the output folder, so that the last step is a rename within one file system.
work=$(mktemp -d "$output/.make-$version.XXXXXX")
trap 'rm -rf "$work"' EXIT
tree=$work/$name
mkdir -p "$tree"/{lib,conf,bin,benchmark}

modules=(namesrv broker tools)
[[ ${version%%.*} -ge 5 ]] && modules+=(controller proxy)
# Maven Central has everything of 5.1.4 but its proxy.
[[ $version == 5.1.4 ]] && modules=(namesrv broker tools controller)
{
    cat <<'POM'
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>distribution</groupId><artifactId>rocketmq-all</artifactId><version>1</version>
  <build><pluginManagement><plugins><plugin>
    <groupId>org.apache.maven.plugins</groupId><artifactId>maven-dependency-plugin</artifactId><version>3.6.1</version>
  </plugin></plugins></pluginManagement></build>
  <dependencies>
POM
    for module in "${modules[@]}"; do
        printf '    <dependency><groupId>org.apache.rocketmq</groupId><artifactId>rocketmq-%s</artifactId><version>%s</version></dependency>\n' \
            "$module" "$version"
    done
    printf '  </dependencies>\n</project>\n'
} >"$work/pom.xml"

echo "rocketmq $version: fetching the jars from Maven Central (10 to 60 s the first time)" >&2
mvn -q --batch-mode -Dstyle.color=never -f "$work/pom.xml" dependency:copy-dependencies \
    -DincludeScope=runtime -DoutputDirectory="$tree/lib" >"$work/mvn.log" 2>&1 ||
    { cat "$work/mvn.log" >&2; echo "rocketmq $version: Maven failed; is Maven Central reachable, has it this version?" >&2; exit 1; }

broker_jar=$tree/lib/rocketmq-broker-$version.jar
unzip -q -j "$broker_jar" META-INF/LICENSE META-INF/NOTICE -d "$tree"
cat >"$tree/conf/broker.conf" <<'CONF'
brokerClusterName = DefaultCluster
brokerName = broker-a
brokerId = 0
deleteWhen = 04
fileReservedTime = 48
brokerRole = ASYNC_MASTER
flushDiskType = ASYNC_FLUSH
CONF

# From 5.1 each start jar carries its logging setup; Apache's zip has the same files in conf.
for module in "${modules[@]}"; do
    unzip -q -o -j "$tree/lib/rocketmq-$module-$version.jar" 'rmq.*.logback.xml' -d "$tree/conf" 2>/dev/null || true
done
# Before 5.1 a process reads conf/logback_NAME.xml, and a 4.x one does not start without it.
if ! compgen -G "$tree/conf/rmq.*.logback.xml" >/dev/null; then
    for module in "${modules[@]}"; do
        log='${user.home}/logs/rocketmqlogs'
        cat >"$tree/conf/logback_$module.xml" <<XML
<?xml version="1.0" encoding="UTF-8"?>
<configuration>
  <appender name="file" class="ch.qos.logback.core.rolling.RollingFileAppender">
    <file>$log/$module.log</file>
    <append>true</append>
    <rollingPolicy class="ch.qos.logback.core.rolling.FixedWindowRollingPolicy">
      <fileNamePattern>$log/otherdays/$module.%i.log.gz</fileNamePattern>
      <minIndex>1</minIndex>
      <maxIndex>5</maxIndex>
    </rollingPolicy>
    <triggeringPolicy class="ch.qos.logback.core.rolling.SizeBasedTriggeringPolicy">
      <maxFileSize>100MB</maxFileSize>
    </triggeringPolicy>
    <encoder><pattern>%d{yyyy-MM-dd HH:mm:ss,SSS} %p %t - %m%n</pattern></encoder>
  </appender>
  <root level="INFO"><appender-ref ref="file"/></root>
</configuration>
XML
    done
fi

# One time stamp, one order, no owner: equal content gives equal bytes. Jars are stored, they are compressed already.
find "$tree" -exec touch -h -d '2000-01-01 00:00:00' {} +
(cd "$work" && find "$name" | sort | zip -q -X -n .jar "$work/done.zip" -@)
(cd "$work" && sha512sum done.zip | sed "s/done\.zip/$name.zip/" >done.sha512)
mv "$work/done.zip" "$zip"
mv "$work/done.sha512" "$zip.sha512"
echo "rocketmq $version: made, $(find "$tree/lib" -name '*.jar' | wc -l) jars, $(du -h "$zip" | cut -f1)" >&2
echo "$zip"
