/* Two faults that no signal can provoke, for LD_PRELOAD: another wall clock, and death at a chosen write.

   SWARMD_SHIM_CLOCK=FILE   CLOCK_REALTIME runs ahead by the int64 of seconds at the beginning of FILE (mapped, so that
                            a write to it is a step, at once, in every process that carries the shim).
   SWARMD_SHIM_KILL=N       SIGKILL by its own hand at the N-th fdatasync, before it: what was written is in the page
                            cache, nobody waited for the disk. N followed by 'a': right after it, before whatever the
                            journal had promised is done. This process only: children are started without the shim. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *ahead;
static long kill_at, kill_after, n_syncs;
static int (*real_clock)(clockid_t, struct timespec *);
static int (*real_sync)(int);

__attribute__((constructor)) static void begin(void) {
    real_clock = dlsym(RTLD_NEXT, "clock_gettime");
    real_sync = dlsym(RTLD_NEXT, "fdatasync");
    const char *clock = getenv("SWARMD_SHIM_CLOCK"), *death = getenv("SWARMD_SHIM_KILL");
    if (clock != NULL) {
        int file = open(clock, O_RDONLY | O_CLOEXEC);
        if (file >= 0) {
            void *page = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
            if (page != MAP_FAILED) ahead = page;
            close(file);
        }
    }
    if (death != NULL) {
        kill_at = atol(death);
        kill_after = strchr(death, 'a') != NULL;
        unsetenv("SWARMD_SHIM_KILL");
        unsetenv("LD_PRELOAD");
    }
}

int clock_gettime(clockid_t id, struct timespec *now) {
    if (real_clock == NULL) real_clock = dlsym(RTLD_NEXT, "clock_gettime");
    int told = real_clock(id, now);
    if (told == 0 && ahead != NULL && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) now->tv_sec += *ahead;
    return told;
}

int gettimeofday(struct timeval *now, void *zone) {
    struct timespec exact;
    (void)zone;
    int told = clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return told;
}

time_t time(time_t *told) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (told != NULL) *told = now.tv_sec;
    return now.tv_sec;
}

int fdatasync(int file) {
    int is_last = kill_at > 0 && ++n_syncs == kill_at;
    if (is_last && !kill_after) kill(getpid(), SIGKILL);
    int told = real_sync(file);
    if (is_last) kill(getpid(), SIGKILL);
    return told;
}
