/* Starts COUNT sleeping processes spread over UIDS users from FIRST_UID on (0: stays who it is),
 * prints "ready", and when its standard input closes ends them all and waits until they are gone.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void Sleep(int uid) {
  if (uid > 0 && setresuid(uid, uid, uid) != 0) _exit(1);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (;;) pause();
}

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  int count = atoi(argv[1]), uids = atoi(argv[2]), first = atoi(argv[3]);
  pid_t* children = calloc((size_t)count, sizeof *children);
  if (children == NULL) return 1;
  for (int i = 0; i < count; i++) {
    children[i] = fork();
    if (children[i] < 0) {
      perror("fork");
      return 1;
    }
    if (children[i] == 0) Sleep(first > 0 ? first + i % uids : 0);
  }
  puts("ready");
  fflush(stdout);
  while (getchar() != EOF) {
  }
  for (int i = 0; i < count; i++) kill(children[i], SIGKILL);
  while (wait(NULL) > 0) {
  }
  return 0;
}
