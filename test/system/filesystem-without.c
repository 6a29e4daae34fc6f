/* A file system that lacks something, for one process: preloaded, and told by its environment what there is not. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>

static int lacks(const char *what) { return getenv(what) != NULL; }

static int refuse(int error) {
  errno = error;
  return -1;
}

static int lock_or_else(const char *name, int fd, int command, void *argument) {
  int (*real)(int, int, ...) = (int (*)(int, int, ...))dlsym(RTLD_NEXT, name);
  int locks = command == F_OFD_SETLK || command == F_OFD_SETLKW || command == F_SETLK || command == F_SETLKW;
  if (locks && lacks("WITHOUT_LOCKS")) return refuse(atoi(getenv("WITHOUT_LOCKS")));
  return real(fd, command, argument);
}

int fcntl(int fd, int command, ...) {
  va_list rest;
  va_start(rest, command);
  void *argument = va_arg(rest, void *);
  va_end(rest);
  return lock_or_else("fcntl", fd, command, argument);
}

int fcntl64(int fd, int command, ...) {
  va_list rest;
  va_start(rest, command);
  void *argument = va_arg(rest, void *);
  va_end(rest);
  return lock_or_else("fcntl64", fd, command, argument);
}

int link(const char *from, const char *to) {
  if (lacks("WITHOUT_LINKS")) return refuse(EPERM);
  return ((int (*)(const char *, const char *))dlsym(RTLD_NEXT, "link"))(from, to);
}

/* As FAT has it: every directory is 0755, and no mode can be changed. */
int mkdir(const char *path, mode_t mode) {
  return ((int (*)(const char *, mode_t))dlsym(RTLD_NEXT, "mkdir"))(path, lacks("WITHOUT_MODES") ? 0755 : mode);
}

int chmod(const char *path, mode_t mode) {
  if (lacks("WITHOUT_MODES")) return refuse(EPERM);
  return ((int (*)(const char *, mode_t))dlsym(RTLD_NEXT, "chmod"))(path, mode);
}

int fchmod(int fd, mode_t mode) {
  if (lacks("WITHOUT_MODES")) return refuse(EPERM);
  return ((int (*)(int, mode_t))dlsym(RTLD_NEXT, "fchmod"))(fd, mode);
}
