#!/usr/bin/env python3
"""The tiny C program that `bench_supervisor` has kept alive. Run by itself this file prints its source."""

SOURCE = r"""
/* The tiny program that every supervisor of scripts/bench_supervisor keeps alive, ours included.
 *
 * usage: child LOG NAME MODE [ORDER]
 * First it appends one line "B NAME pid ppid CLOCK_MONOTONIC_ns" to LOG (one write, O_APPEND); then by MODE:
 *   sleep   pause for ever
 *   exit    exit(1) at once
 *   hb      every 100 ms: WATCHDOG=1 to $NOTIFY_SOCKET, "pid;t" by UDP to 127.0.0.1:$WD_PORT, pulse and progress
 *   stall   hb, until SIGUSR1: then a line "S ..." is written and the pulse goes on while the progress stands still
 *   gc      fork a grandchild in the same process group ("G NAME pid ..."), pause
 *   gcsid   the same, the grandchild in a session of its own
 *   gcdf    the same, forked twice and in a session of its own
 * As a lane of swarmd NAME is "-": the lane's job is its name (SWARMD_RUN), and it says ready, pulses and advances in
 * its slot of the shared page (SWARMD_BEATS), as every lane does.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { TOKEN, READY, PROGRESS, DONE, TOTAL, HEARTBEAT, WORDS = 8 };
static volatile uint64_t nowhere[WORDS], *slot = nowhere;
static volatile sig_atomic_t stalled;

static long long now_ns(clockid_t clock) {
  struct timespec ts;
  clock_gettime(clock, &ts);
  return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static void record(const char *log, char kind, const char *name) {
  char buf[512];
  int n = snprintf(buf, sizeof buf, "%c %s %d %d %lld\n", kind, name, (int)getpid(), (int)getppid(),
                   now_ns(CLOCK_MONOTONIC));
  int fd = open(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0 || write(fd, buf, n) != n) _exit(111);
  close(fd);
}

static void hear(int number) { (void)number; stalled = 1; }

static void advance(void) { slot[DONE]++; slot[PROGRESS]++; }

static void pulse(void) { slot[HEARTBEAT] = now_ns(CLOCK_BOOTTIME) / 1000000; }

/* Map the page and say ready. The attempt, which is the token, ends the run's id: JOB-aN@HOME. */
static void lane(char *run) {
  char *at = strrchr(run, '@'), *beats = getenv("SWARMD_BEATS");
  if (at) *at = 0;
  char *attempt = strrchr(run, '-');
  if (!attempt) return;
  *attempt = 0;
  char *colon = beats ? strrchr(beats, ':') : NULL;
  if (!colon) return;
  *colon = 0;
  int fd = open(beats, O_RDWR | O_CLOEXEC);
  if (fd < 0) return;
  void *page = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (page == MAP_FAILED) return;
  slot = (uint64_t *)page + WORDS * atoi(colon + 1);
  slot[TOKEN] = atoi(attempt + 2);
  slot[READY] = 1;
  pulse();
  advance();
}

static void heartbeat(const char *log, const char *name) {
  const char *ns = getenv("NOTIFY_SOCKET"), *port = getenv("WD_PORT");
  int us = -1, is = -1, told = 0;
  struct sockaddr_un ua;
  socklen_t ul = 0;
  struct sockaddr_in ia;
  char msg[128];
  if (ns && slot == nowhere) {
    us = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    memset(&ua, 0, sizeof ua);
    ua.sun_family = AF_UNIX;
    strncpy(ua.sun_path, ns, sizeof ua.sun_path - 1);
    if (ua.sun_path[0] == '@') ua.sun_path[0] = 0;
    ul = offsetof(struct sockaddr_un, sun_path) + strlen(ns);
  }
  if (port) {
    is = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    memset(&ia, 0, sizeof ia);
    ia.sin_family = AF_INET;
    ia.sin_port = htons(atoi(port));
    ia.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  }
  for (;;) {
    if (us >= 0) sendto(us, "WATCHDOG=1", 10, MSG_NOSIGNAL, (void *)&ua, ul);
    if (is >= 0) {
      int n = snprintf(msg, sizeof msg, "%d;%lld", (int)getpid(), (long long)time(0));
      sendto(is, msg, n, MSG_NOSIGNAL, (void *)&ia, sizeof ia);
    }
    pulse();
    if (!stalled) advance();
    else if (!told) { told = 1; record(log, 'S', name); }
    usleep(stalled ? 20000 : 50000);
  }
}

int main(int argc, char **argv) {
  if (argc < 4) return 100;
  const char *log = argv[1], *name = argv[2], *mode = argv[3];
  char *run = getenv("SWARMD_RUN") ? strdup(getenv("SWARMD_RUN")) : NULL;
  if (!strcmp(name, "-") && run) {
    lane(run);
    name = run;
  }
  record(log, 'B', name);
  if (!strcmp(mode, "exit")) return 1;
  if (!strcmp(mode, "gcdf") && fork() == 0) {
    setsid();
    if (fork()) _exit(0);
    record(log, 'G', name);
    for (;;) pause();
  } else if (!strncmp(mode, "gc", 2) && strcmp(mode, "gcdf") && fork() == 0) {
    if (!strcmp(mode, "gcsid")) setsid();
    record(log, 'G', name);
    for (;;) pause();
  }
  signal(SIGUSR1, hear);
  if (!strcmp(mode, "hb") || !strcmp(mode, "stall")) heartbeat(log, name);
  for (;;) pause();
}
"""

if __name__ == "__main__":
    print(SOURCE)
