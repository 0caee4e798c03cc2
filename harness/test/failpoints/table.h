/* Every call out of this program through which faults are injected, followed,
 * healed and recovered: to the kernel, to nft, to the API server, to a child.
 * The linker wraps these (Makefile), wraps.c makes them fail one at a time, and
 * table.t holds that the code makes no others.
 *
 * CALL(result, name, parameters, arguments, what it returns when it fails, errno)
 * PART(...) the same, with the arguments of a call that does half of its work.
 */
CALL(int, access, (const char *path, int mode), (path, mode), -1, EIO)
CALL(int, chmod, (const char *path, mode_t mode), (path, mode), -1, EPERM)
CALL(int, fallocate64, (int fd, int mode, off64_t at, off64_t len), (fd, mode, at, len), -1, ENOSPC)
CALL(int, fchmod, (int fd, mode_t mode), (fd, mode), -1, EIO)
CALL(int, fcntl64, (int fd, int what, long arg), (fd, what, arg), -1, EBADF)
CALL(char *, fgets, (char *to, int size, FILE *f), (to, size, f), (bad = f, NULL), EIO)
CALL(FILE *, fopen64, (const char *path, const char *mode), (path, mode), NULL, EMFILE)
PART(size_t, fread, (void *to, size_t size, size_t n, FILE *f), (to, size, n, f),
     (to, size, n > 40 ? 40 : n, f), (bad = f, 0), EIO)
CALL(int, fstat64, (int fd, struct stat64 *st), (fd, st), -1, EIO)
CALL(int, fstatat64, (int dir, const char *path, struct stat64 *st, int flags),
     (dir, path, st, flags), -1, EIO)
CALL(int, fstatvfs64, (int fd, struct statvfs64 *v), (fd, v), -1, EIO)
CALL(int, fsync, (int fd), (fd), -1, ENOSPC)
CALL(ssize_t, __getdelim, (char **line, size_t *room, int end, FILE *f), (line, room, end, f), -1,
     EIO)
CALL(int, getifaddrs, (struct ifaddrs **all), (all), -1, ENOMEM)
CALL(ssize_t, getxattr, (const char *path, const char *name, void *to, size_t size),
     (path, name, to, size), -1, EIO)
CALL(int, ioctl, (int fd, unsigned long what, long arg), (fd, what, arg), -1, ENXIO)
CALL(int, kill, (pid_t pid, int sig), (pid, sig), -1, EPERM)
CALL(int, lstat64, (const char *path, struct stat64 *st), (path, st), -1, EIO)
CALL(int, mkdir, (const char *path, mode_t mode), (path, mode), -1, ENOSPC)
CALL(int, mknod, (const char *path, mode_t mode, dev_t dev), (path, mode, dev), -1, EPERM)
CALL(int, mkostemp64, (char *path, int flags), (path, flags), -1, ENOSPC)
CALL(int, nft_run_cmd_from_buffer, (struct nft_ctx * nft, const char *script), (nft, script), -1,
     EIO)
CALL(int, open64, (const char *path, int flags, mode_t mode), (path, flags, mode), -1, EMFILE)
CALL(int, openat64, (int dir, const char *path, int flags, mode_t mode), (dir, path, flags, mode),
     -1, ENOSPC)
CALL(DIR *, opendir, (const char *path), (path), NULL, EMFILE)
CALL(DIR *, fdopendir, (int fd), (fd), NULL, EMFILE)
CALL(int, pidfd_open, (pid_t pid, unsigned flags), (pid, flags), -1, EMFILE)
CALL(int, pidfd_send_signal, (int fd, int sig, siginfo_t *info, unsigned flags),
     (fd, sig, info, flags), -1, EPERM)
CALL(int, pipe2, (int fd[2], int flags), (fd, flags), -1, EMFILE)
CALL(int, poll, (struct pollfd *p, nfds_t n, int ms), (p, n, ms), -1, ENOMEM)
CALL(int, posix_spawnp,
     (pid_t * pid, const char *file, const posix_spawn_file_actions_t *fa,
      const posix_spawnattr_t *at, char *const *argv, char *const *env),
     (pid, file, fa, at, argv, env), EAGAIN, EAGAIN)
CALL(int, pthread_create, (pthread_t * t, const pthread_attr_t *at, void *(*fn)(void *), void *arg),
     (t, at, fn, arg), EAGAIN, EAGAIN)
PART(ssize_t, read, (int fd, void *to, size_t n), (fd, to, n), (fd, to, n > 40 ? 40 : n), -1, EIO)
CALL(struct dirent64 *, readdir64, (DIR *d), (d), NULL, EIO)
CALL(int, removexattr, (const char *path, const char *name), (path, name), -1, EIO)
CALL(int, rename, (const char *from, const char *to), (from, to), -1, EIO)
CALL(int, rmdir, (const char *path), (path), -1, EBUSY)
CALL(int, scandir64,
     (const char *path, struct dirent64 ***v, int (*take)(const struct dirent64 *),
      int (*before)(const struct dirent64 **, const struct dirent64 **)),
     (path, v, take, before), -1, EMFILE)
CALL(int, setns, (int fd, int type), (fd, type), -1, EPERM)
CALL(int, setxattr, (const char *path, const char *name, const void *from, size_t size, int flags),
     (path, name, from, size, flags), -1, ENOSPC)
CALL(int, stat64, (const char *path, struct stat64 *st), (path, st), -1, EIO)
CALL(int, statvfs64, (const char *path, struct statvfs64 *v), (path, v), -1, EIO)
CALL(int, unlink, (const char *path), (path), -1, EIO)
CALL(int, unlinkat, (int dir, const char *path, int flags), (dir, path, flags), -1, EIO)
CALL(pid_t, waitpid, (pid_t pid, int *status, int flags), (pid, status, flags), -1, ECHILD)
PART(ssize_t, write, (int fd, const void *from, size_t n), (fd, from, n),
     (fd, from, n > 1 ? n / 2 : n), -1, ENOSPC)
CALL(int, kube_http, (struct kube_client *k, const struct kube_request *q, struct buf *b, int *status, struct err *e), (k, q, b, status, e), err_set(e, ERR_BROKEN, "no answer"), EIO)
CALL(int, kube_get, (struct kube_client *k, const char *path, cJSON **o, struct err *e), (k, path, o, e), err_set(e, ERR_BROKEN, "no answer"), EIO)
