/* Preloaded into a process that writes to a library: numbers every call that changes a file below one folder, and
 * kills the process at one of them, tears it, makes it fail, or writes down all of them. See shim.py for the switches.
 *
 * Calls go to the kernel directly, so that nothing here depends on what else is preloaded. Memory maps are not seen:
 * the only one that is written to is SQLite's -shm file, which does not outlive its processes.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { OFF, COUNT, BEFORE, AFTER, TEAR, FULL, FAIL };
static const char *const MODES[] = {"off", "count", "before", "after", "tear", "full", "fail"};

static struct {
    int mode, error, trace;
    long at;        /* the call that is meant, from 1 */
    long long room; /* FULL: bytes by which files may still grow */
    size_t root_length;
    char root[PATH_MAX];
} on = {.trace = -1};
/* What the processes of one trial share: a process that was armed, and those that it starts. */
static struct Shared {
    pthread_mutex_t turn; /* one counted call at a time, so that numbers, records and what is on the disk agree */
    long calls;
    long long grown;
} own = {.turn = PTHREAD_MUTEX_INITIALIZER}, *all = &own;

static void share(const char *path, int fresh) {
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || (fresh && syscall(SYS_ftruncate, fd, sizeof *all))) abort();
    all = mmap(NULL, sizeof *all, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (all == MAP_FAILED) abort();
    syscall(SYS_close, fd);
    if (fresh) {
        pthread_mutexattr_t kind;
        pthread_mutexattr_init(&kind);
        pthread_mutexattr_setpshared(&kind, PTHREAD_PROCESS_SHARED);
        pthread_mutex_init(&all->turn, &kind);
        all->calls = 0;
        all->grown = 0;
    }
}

void shim_configure(void) {
    const char *mode = getenv("SHIM_MODE"), *root = getenv("SHIM_ROOT"), *value;
    on.mode = OFF;
    for (int i = 0; mode && i < (int)(sizeof MODES / sizeof *MODES); i++)
        if (!strcmp(mode, MODES[i])) on.mode = i;
    if (!root || !realpath(root, on.root)) on.mode = OFF;
    on.root_length = strlen(on.root);
    on.at = (value = getenv("SHIM_AT")) ? atol(value) : 0;
    on.room = (value = getenv("SHIM_ROOM")) ? atoll(value) : 0;
    on.error = (value = getenv("SHIM_ERROR")) ? atoi(value) : ENOSPC;
    on.trace = -1;
    if (on.mode != OFF && (value = getenv("SHIM_TRACE")))
        on.trace = (int)syscall(SYS_openat, AT_FDCWD, value, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    all = &own;
    if (on.mode != OFF && (value = getenv("SHIM_SHARED"))) share(value, getenv("SHIM_FRESH") != NULL);
}

__attribute__((constructor)) static void begin(void) {
    shim_configure();
}

long shim_calls(void) {
    return all->calls;
}

long long shim_grown(void) {
    return all->grown;
}

static void die(void) {
    syscall(SYS_kill, 0, SIGKILL); /* all of the trial: the zygote gave it a group of its own */
    for (;;) pause();
}

/* SQLite's -shm is memory that its processes share and none of it is ever forced: it counts where room is counted. */
static int below_root(const char *path) {
    size_t length = strlen(path);
    if (on.mode != FULL && on.mode != FAIL && length > 4 && !strcmp(path + length - 4, "-shm")) return 0;
    return !strncmp(path, on.root, on.root_length) && (path[on.root_length] == '/' || !path[on.root_length]);
}

static int place_of(int fd, char *path) {
    char link[40];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, link, path, PATH_MAX - 1);
    path[length > 0 ? length : 0] = 0;
    return length > 0 && below_root(path);
}

/* The absolute path of `name` beside `folder`; links in it are not followed: a library has none. */
static int named(int folder, const char *name, char *path) {
    char base[PATH_MAX] = "";
    if (!name) return 0;
    if (name[0] != '/') {
        if (folder == AT_FDCWD) {
            if (!getcwd(base, sizeof base)) return 0;
        } else {
            place_of(folder, base);
        }
        if (snprintf(path, PATH_MAX, "%s/%s", base, name) >= PATH_MAX) return 0;
    } else if (snprintf(path, PATH_MAX, "%s", name) >= PATH_MAX) {
        return 0;
    }
    return below_root(path);
}

/* A record: five 64-bit numbers (kind, file, offset, lengths of the two parts), then the two parts. */
static void record(char kind, uint64_t file, int64_t offset, const void *first, size_t first_length, const void *second,
                   size_t second_length) {
    if (on.trace < 0) return;
    int64_t head[5] = {kind, (int64_t)file, offset, (int64_t)first_length, (int64_t)second_length};
    struct iovec parts[3] = {{head, sizeof head}, {(void *)first, first_length}, {(void *)second, second_length}};
    for (int i = 0; i < 3; i++) {
        const char *data = parts[i].iov_base;
        for (size_t rest = parts[i].iov_len; rest;) {
            ssize_t got = syscall(SYS_write, on.trace, data, rest);
            if (got <= 0) die();
            data += got;
            rest -= (size_t)got;
        }
    }
}

/* A word of the process itself into the record, such as: this much is promised from here on. */
void shim_note(const char *word) {
    pthread_mutex_lock(&all->turn);
    record('n', 0, 0, word, strlen(word), "", 0);
    pthread_mutex_unlock(&all->turn);
}

static uint64_t file_at(int fd, const char *path) {
    struct stat found;
    if ((fd >= 0 ? fstat(fd, &found) : lstat(path, &found)) != 0) return 0;
    return found.st_ino;
}

static int is_full(long long more) {
    return on.mode == FULL && all->grown + more > on.room;
}

/* Begins a counted call: 0, or -1 if it must fail. `makes` says that it needs room on the disk. */
static int starts(int makes) {
    pthread_mutex_lock(&all->turn);
    all->calls++;
    if ((on.mode == BEFORE || on.mode == TEAR) && all->calls == on.at) die();
    if ((on.mode == FAIL && all->calls >= on.at) || (makes && is_full(1))) {
        pthread_mutex_unlock(&all->turn);
        errno = on.error;
        return -1;
    }
    return 0;
}

static void ends(void) {
    if (on.mode == AFTER && all->calls == on.at) die();
    int kept = errno;
    pthread_mutex_unlock(&all->turn);
    errno = kept;
}

/* How far a write of `length` at `offset` (-1: where the file stands) makes the file longer; where it begins. */
static long long growth(int fd, size_t length, off64_t *offset) {
    struct stat found;
    if (fstat(fd, &found)) return 0;
    if (*offset < 0) {
        int appends = (int)syscall(SYS_fcntl, fd, F_GETFL) & O_APPEND;
        *offset = appends ? found.st_size : (off64_t)syscall(SYS_lseek, fd, 0, SEEK_CUR);
    }
    long long more = *offset + (long long)length - found.st_size;
    return more > 0 ? more : 0;
}

typedef ssize_t (*Mover)(int fd, const void *data, size_t length, off64_t offset);

static ssize_t by_write(int fd, const void *data, size_t length, off64_t offset) {
    (void)offset;
    return syscall(SYS_write, fd, data, length);
}

static ssize_t by_pwrite(int fd, const void *data, size_t length, off64_t offset) {
    return syscall(SYS_pwrite64, fd, data, length, offset);
}

static ssize_t put(int fd, const void *data, size_t length, off64_t offset, Mover move) {
    char path[PATH_MAX];
    if (on.mode == OFF || !place_of(fd, path)) return move(fd, data, length, offset);
    pthread_mutex_lock(&all->turn);
    all->calls++;
    ssize_t got = -1;
    off64_t from = offset;
    long long more = growth(fd, length, &from);
    if (on.mode == BEFORE && all->calls == on.at) die();
    if (on.mode == TEAR && all->calls == on.at) {
        move(fd, data, length / 2, offset);
        die();
    }
    if (on.mode == FAIL && all->calls >= on.at) {
        errno = on.error;
    } else {
        size_t fits = length;
        if (is_full(more)) {
            long long missing = all->grown + more - on.room;
            fits = missing < (long long)length ? length - (size_t)missing : 0;
            more -= missing;
        }
        if (fits || !length) {
            got = move(fd, data, fits, offset);
            if (got >= 0) {
                all->grown += more > 0 ? more : 0;
                record('w', file_at(fd, path), from, path, strlen(path), data, (size_t)got);
            }
        } else {
            errno = on.error;
        }
    }
    ends();
    return got;
}

ssize_t write(int fd, const void *data, size_t length) {
    return put(fd, data, length, -1, by_write);
}

ssize_t pwrite(int fd, const void *data, size_t length, off_t offset) {
    return put(fd, data, length, offset, by_pwrite);
}

ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset) {
    return put(fd, data, length, offset, by_pwrite);
}

/* Several pieces are written one after the other: to the caller that is a short write, which is always allowed. */
static ssize_t put_pieces(int fd, const struct iovec *pieces, int count, off64_t offset, Mover move) {
    ssize_t all = 0;
    for (int i = 0; i < count; i++) {
        ssize_t got = put(fd, pieces[i].iov_base, pieces[i].iov_len, offset < 0 ? -1 : offset + all, move);
        if (got < 0) return all ? all : -1;
        all += got;
        if ((size_t)got < pieces[i].iov_len) break;
    }
    return all;
}

ssize_t writev(int fd, const struct iovec *pieces, int count) {
    return put_pieces(fd, pieces, count, -1, by_write);
}

ssize_t pwritev(int fd, const struct iovec *pieces, int count, off_t offset) {
    return put_pieces(fd, pieces, count, offset, by_pwrite);
}

ssize_t pwritev64(int fd, const struct iovec *pieces, int count, off64_t offset) {
    return put_pieces(fd, pieces, count, offset, by_pwrite);
}

/* Refused as on a file system that cannot do it: the caller then reads and writes, which is seen above. */
ssize_t sendfile(int to, int from, off_t *offset, size_t length) {
    char path[PATH_MAX];
    if (on.mode == OFF || !place_of(to, path)) return syscall(SYS_sendfile, to, from, offset, length);
    errno = EINVAL;
    return -1;
}

ssize_t sendfile64(int to, int from, off64_t *offset, size_t length) {
    return sendfile(to, from, offset, length);
}

ssize_t copy_file_range(int from, off64_t *from_offset, int to, off64_t *to_offset, size_t length, unsigned flags) {
    char path[PATH_MAX];
    if (on.mode == OFF || !place_of(to, path))
        return syscall(SYS_copy_file_range, from, from_offset, to, to_offset, length, flags);
    errno = EXDEV;
    return -1;
}

/* stdio of the C library writes by itself: its buffer is emptied at once, so that the write can be counted here. */
size_t fwrite(const void *data, size_t size, size_t count, FILE *stream) {
    static size_t (*real)(const void *, size_t, size_t, FILE *);
    char path[PATH_MAX];
    if (!real) real = (size_t(*)(const void *, size_t, size_t, FILE *))dlsym(RTLD_NEXT, "fwrite");
    if (on.mode == OFF || size * count == 0 || !place_of(fileno(stream), path)) return real(data, size, count, stream);
    fflush(stream);
    ssize_t got = put(fileno(stream), data, size * count, -1, by_write);
    return got < 0 ? 0 : (size_t)got / size;
}

static int forced(int fd, long number) {
    char path[PATH_MAX];
    if (on.mode == OFF || !place_of(fd, path)) return (int)syscall(number, fd);
    if (starts(0)) return -1;
    int result = (int)syscall(number, fd);
    struct stat found;
    if (!result && !fstat(fd, &found))
        record(S_ISDIR(found.st_mode) ? 'd' : 'f', found.st_ino, 0, path, strlen(path), "", 0);
    ends();
    return result;
}

int fsync(int fd) {
    return forced(fd, SYS_fsync);
}

int fdatasync(int fd) {
    return forced(fd, SYS_fdatasync);
}

static int cut(int fd, off64_t length) {
    char path[PATH_MAX];
    if (on.mode == OFF || !place_of(fd, path)) return (int)syscall(SYS_ftruncate, fd, length);
    if (starts(0)) return -1;
    int result = (int)syscall(SYS_ftruncate, fd, length);
    if (!result) record('t', file_at(fd, path), length, path, strlen(path), "", 0);
    ends();
    return result;
}

int ftruncate(int fd, off_t length) {
    return cut(fd, length);
}

int ftruncate64(int fd, off64_t length) {
    return cut(fd, length);
}

static int moved(int old_folder, const char *old_name, int new_folder, const char *new_name, unsigned flags) {
    char from[PATH_MAX], to[PATH_MAX];
    int counts = on.mode != OFF;
    if (counts) {
        int leaves = named(old_folder, old_name, from), arrives = named(new_folder, new_name, to);
        counts = leaves || arrives;
    }
    if (counts && starts(0)) return -1;
    int result = (int)syscall(SYS_renameat2, old_folder, old_name, new_folder, new_name, flags);
    if (counts) {
        if (!result) record('r', file_at(-1, to), 0, from, strlen(from), to, strlen(to));
        ends();
    }
    return result;
}

int rename(const char *from, const char *to) {
    return moved(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int renameat(int from_folder, const char *from, int to_folder, const char *to) {
    return moved(from_folder, from, to_folder, to, 0);
}

int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) {
    return moved(from_folder, from, to_folder, to, flags);
}

static int gone(int folder, const char *name, int flags) {
    char path[PATH_MAX];
    if (on.mode == OFF || !named(folder, name, path)) return (int)syscall(SYS_unlinkat, folder, name, flags);
    if (starts(0)) return -1;
    int result = (int)syscall(SYS_unlinkat, folder, name, flags);
    if (!result) record('u', 0, 0, path, strlen(path), "", 0);
    ends();
    return result;
}

int unlink(const char *name) {
    return gone(AT_FDCWD, name, 0);
}

int unlinkat(int folder, const char *name, int flags) {
    return gone(folder, name, flags);
}

int rmdir(const char *name) {
    return gone(AT_FDCWD, name, AT_REMOVEDIR);
}

static int folder_made(int folder, const char *name, mode_t mode) {
    char path[PATH_MAX];
    if (on.mode == OFF || !named(folder, name, path)) return (int)syscall(SYS_mkdirat, folder, name, mode);
    if (starts(1)) return -1;
    int result = (int)syscall(SYS_mkdirat, folder, name, mode);
    if (!result) record('m', file_at(-1, path), 0, path, strlen(path), "", 0);
    ends();
    return result;
}

int mkdir(const char *name, mode_t mode) {
    return folder_made(AT_FDCWD, name, mode);
}

int mkdirat(int folder, const char *name, mode_t mode) {
    return folder_made(folder, name, mode);
}

static int opened(int folder, const char *name, int flags, mode_t mode) {
    char path[PATH_MAX];
    struct stat found;
    int counts = on.mode != OFF && (flags & (O_CREAT | O_TRUNC)) && (flags & O_TMPFILE) != O_TMPFILE;
    counts = counts && named(folder, name, path);
    int there = counts && !lstat(path, &found);
    counts = counts && (there ? (flags & O_TRUNC) && found.st_size > 0 : flags & O_CREAT);
    if (counts && starts(!there)) return -1;
    int fd = (int)syscall(SYS_openat, folder, name, flags, mode);
    if (counts) {
        if (fd >= 0) record(there ? 't' : 'c', file_at(fd, path), 0, path, strlen(path), "", 0);
        ends();
    }
    return fd;
}

static mode_t mode_of(int flags, va_list rest) {
    return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE ? (mode_t)va_arg(rest, int) : 0;
}

#define OPENED(FOLDER)                   \
    va_list rest;                        \
    va_start(rest, flags);               \
    mode_t mode = mode_of(flags, rest);  \
    va_end(rest);                        \
    return opened(FOLDER, name, flags, mode)

int open(const char *name, int flags, ...) {
    OPENED(AT_FDCWD);
}

int open64(const char *name, int flags, ...) {
    OPENED(AT_FDCWD);
}

int openat(int folder, const char *name, int flags, ...) {
    OPENED(folder);
}

int openat64(int folder, const char *name, int flags, ...) {
    OPENED(folder);
}
