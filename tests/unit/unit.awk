# SPDX-License-Identifier: GPL-2.0-only
# Rules for make from the first lines of the tests/unit/test_*.c: of which objects each is linked, and how they are
# compiled.  An object's folder is named after the options, so that two tests share it if they have the same.
function object(file, name) {
    name = B "/unit/obj/" key "/" file
    sub(/\.c$/, ".o", name)
    return name
}
function compile(file, to) {
    to = object(file)
    if (!(to in seen))
        printf "%s: %s\n%s: SOURCE := %s\n%s: OPTIONS := %s\n", to, file, to, file, to, options
    seen[to] = 1
    return " " to
}
function finish(n, i, words, objects, libs) {
    if (!test)
        return
    options = libs = ""
    n = split(says, words, " ")
    for (i = 1; i <= n; i++) {
        if (words[i] == "-include")
            options = options " " words[i] " " words[++i]
        else if (words[i] ~ /^-[ID]/)
            options = options " " words[i]
        else
            libs = libs " " words[i]
    }
    key = options
    gsub(/[^A-Za-z0-9]+/, "_", key)
    key = "with" key
    objects = compile(test)
    n = split(sources, words, " ")
    for (i = 1; i <= n; i++)
        objects = objects compile(words[i])
    base = test
    gsub(/^.*\/|\.c$/, "", base)
    printf "%s/unit/%s:%s\n%s/unit/%s: LIBS :=%s\n", B, base, objects, B, base, libs
}
FNR == 1 { finish(); test = FILENAME; sources = says = "" }
/^\/\/ SOURCES:/ { sub(/^\/\/ SOURCES:/, ""); sources = sources " " $0 }
/^\/\/ LIBS:/ { sub(/^\/\/ LIBS:/, ""); says = says " " $0 }
END { finish() }
