# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Completion of pavis for bash: verbs, names of domains, files.  It asks pavis itself for all of them.

_pavis() {
    local word=${COMP_WORDS[COMP_CWORD]} words=''
    if [ "$COMP_CWORD" = 1 ]; then
        words=$(pavis help 2>/dev/null | awk '/^  [a-z]/ { print $1 }')
    elif [[ $word == -* ]]; then
        words=$(pavis help "${COMP_WORDS[1]}" 2>/dev/null | grep -oE '(^|[ ,[|])--?[a-z][a-z-]*' | tr -d ' ,[|')
    elif [ "${COMP_WORDS[1]}" = net-destroy ]; then
        words=$(pavis net-list 2>/dev/null | awk 'NR > 1 { print $1 }')
    elif [ "${COMP_WORDS[1]}" = create ] || [ "${COMP_WORDS[1]}" = run ]; then
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        return
    elif [ "$COMP_CWORD" -gt 2 ] && [[ ${COMP_WORDS[1]} == block-@(detach|resize|set) ]]; then
        words=$(pavis block-list --json "${COMP_WORDS[COMP_CWORD - 1]}" 2>/dev/null | sed -n 's/.*"dev": "\(.*\)".*/\1/p')
    elif [ "$COMP_CWORD" -gt 2 ] && [ "${COMP_WORDS[1]}" = network-detach ]; then
        words=$(pavis network-list "${COMP_WORDS[COMP_CWORD - 1]}" 2>/dev/null | awk 'NR > 1 { print $1 }')
    elif [ "$COMP_CWORD" -gt 2 ] && [ "${COMP_WORDS[1]}" = block-attach ]; then
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        return
    else
        words=$(pavis list 2>/dev/null | awk 'NR > 1 { print $1 }')
    fi
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
complete -F _pavis pavis
