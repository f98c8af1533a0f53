/* SPDX-License-Identifier: GPL-2.0-only */
/* Runs a program and kills it with SIGKILL before its n-th system call.
 *
 *   kill_at N COMMAND [ARGUMENT...]
 *
 * Counts those of its first thread from its execve() on; its children go on without a count.
 * Status: 137 where it was killed, else the program's, with a line "kill_at: N calls" on standard
 * error.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    long limit = argc > 2 ? atol(argv[1]) : -1, calls = 0;
    int status, entering = 1, sig = 0;
    pid_t child = limit >= 0 ? fork() : -1;

    if (child < 0)
        return 2;
    if (child == 0) {
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        execvp(argv[2], argv + 2);
        _exit(127);
    }
    waitpid(child, &status, 0); /* its execve() */
    ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
    for (;;) {
        if (ptrace(PTRACE_SYSCALL, child, 0, sig) != 0 || waitpid(child, &status, 0) != child)
            return 2;
        if (WIFEXITED(status)) {
            fprintf(stderr, "kill_at: %ld calls\n", calls);
            return WEXITSTATUS(status);
        }
        if (WIFSIGNALED(status))
            return 128 + WTERMSIG(status);
        sig = WSTOPSIG(status) == (SIGTRAP | 0x80) ? 0 : WSTOPSIG(status);
        if (sig)
            continue;
        if (entering && ++calls == limit) {
            kill(child, SIGKILL);
            while (waitpid(child, &status, 0) == child && !WIFSIGNALED(status))
                ;
            return 137;
        }
        entering = !entering;
    }
}
