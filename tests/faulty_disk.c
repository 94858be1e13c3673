/* A disk that fails, or a process that dies, at a chosen call: preloaded into a real process by `faulty_disk.py`.
 *
 * Counts the calls that change a file under $FAULTY_DISK_UNDER (opening for writing, write, sync, rename, truncate,
 * unlink, mkdir) and does what the shared page $FAULTY_DISK_PAGE says: kill the process before, in the middle of, or
 * after the n-th of them, or refuse some kinds of them with an error. Reading is never touched.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

enum { OPEN = 1, WRITE = 2, SYNC = 4, RENAME = 8, TRUNCATE = 16, UNLINK = 32, MKDIR = 64 };
enum { BEFORE = 0, HALFWAY = 1, AFTER = 2 };

struct page {
    volatile int calls;   /* counted since the page was written */
    volatile int kill_at; /* number of the call at which to die, 0 never */
    volatile int moment;  /* BEFORE, HALFWAY through a write, or AFTER */
    volatile int refused; /* kinds that fail, as a mask */
    volatile int error;   /* with this errno */
    volatile int fail_at; /* only the call of this number fails; 0: each of the refused kinds */
    volatile int failed;  /* how many were refused */
    volatile int is_partial; /* a refused write takes half of its bytes first, as a full disk does */
};

static struct page *page;
static const char *under;

__attribute__((constructor)) static void map_page(void) {
    const char *path = getenv("FAULTY_DISK_PAGE");
    under = getenv("FAULTY_DISK_UNDER");
    if (!path || !under) return;
    int descriptor = open(path, O_RDWR | O_CLOEXEC);
    if (descriptor < 0) return;
    void *mapped = mmap(NULL, sizeof(struct page), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    if (mapped != MAP_FAILED) page = mapped;
    (close)(descriptor);
}

static int is_ours(const char *path) {
    char whole[PATH_MAX + PATH_MAX + 2];
    if (!page || !path) return 0;
    if (path[0] != '/') {
        char here[PATH_MAX];
        if (!getcwd(here, sizeof here)) return 0;
        snprintf(whole, sizeof whole, "%s/%s", here, path);
        path = whole;
    }
    return strncmp(path, under, strlen(under)) == 0;
}

static int is_our_file(int descriptor) {
    char link[64], path[PATH_MAX];
    if (!page) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    return is_ours(path);
}

static void die(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

/* Counts a call. Gives back its number; dies where it should before it. */
static int counted(void) {
    int number = __sync_add_and_fetch(&page->calls, 1);
    if (number == page->kill_at && page->moment == BEFORE) die();
    return number;
}

static int is_refused(int number, int kind) {
    if (!(page->refused & kind) || (page->fail_at && page->fail_at != number)) return 0;
    __sync_add_and_fetch(&page->failed, 1);
    errno = page->error;
    return 1;
}

static void maybe_die_after(int number) {
    int kept = errno;
    if (number == page->kill_at && page->moment != BEFORE) die();
    errno = kept;
}

#define REAL(name) static __typeof__(&name) real; if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

#define SIMPLE(kind, ours, call)              \
    if (!(ours)) return call;                 \
    int number = counted();                   \
    if (is_refused(number, kind)) return -1;  \
    int answer = call;                        \
    maybe_die_after(number);                  \
    return answer

ssize_t write(int descriptor, const void *bytes, size_t length) {
    REAL(write);
    if (!is_our_file(descriptor)) return real(descriptor, bytes, length);
    int number = counted();
    if (number == page->kill_at && page->moment == HALFWAY) {
        if (real(descriptor, bytes, length / 2) >= 0) die();
        die();
    }
    if (is_refused(number, WRITE)) {
        int error = errno;
        if (page->is_partial && length > 1) return real(descriptor, bytes, length / 2);
        errno = error;
        return -1;
    }
    ssize_t answer = real(descriptor, bytes, length);
    maybe_die_after(number);
    return answer;
}

ssize_t pwrite64(int descriptor, const void *bytes, size_t length, off64_t where) {
    REAL(pwrite64);
    if (!is_our_file(descriptor)) return real(descriptor, bytes, length, where);
    int number = counted();
    if (is_refused(number, WRITE)) return -1;
    ssize_t answer = real(descriptor, bytes, length, where);
    maybe_die_after(number);
    return answer;
}
ssize_t pwrite(int descriptor, const void *bytes, size_t length, off_t where) {
    return pwrite64(descriptor, bytes, length, where);
}

int fsync(int descriptor) { REAL(fsync); SIMPLE(SYNC, is_our_file(descriptor), real(descriptor)); }
int fdatasync(int descriptor) { REAL(fdatasync); SIMPLE(SYNC, is_our_file(descriptor), real(descriptor)); }
int ftruncate64(int descriptor, off64_t length) {
    REAL(ftruncate64);
    SIMPLE(TRUNCATE, is_our_file(descriptor), real(descriptor, length));
}
int ftruncate(int descriptor, off_t length) { return ftruncate64(descriptor, length); }
int rename(const char *from, const char *to) { REAL(rename); SIMPLE(RENAME, is_ours(to), real(from, to)); }
int unlink(const char *path) { REAL(unlink); SIMPLE(UNLINK, is_ours(path), real(path)); }
int mkdir(const char *path, mode_t mode) { REAL(mkdir); SIMPLE(MKDIR, is_ours(path), real(path, mode)); }

#define OPENS(flags) (((flags) & (O_WRONLY | O_RDWR | O_CREAT)) != 0)

int open64(const char *path, int flags, ...) {
    REAL(open64);
    va_list rest;
    va_start(rest, flags);
    mode_t mode = va_arg(rest, mode_t);
    va_end(rest);
    SIMPLE(OPEN, OPENS(flags) && is_ours(path), real(path, flags, mode));
}
int open(const char *path, int flags, ...) {
    REAL(open64);
    va_list rest;
    va_start(rest, flags);
    mode_t mode = va_arg(rest, mode_t);
    va_end(rest);
    (void)real;
    return open64(path, flags, mode);
}
