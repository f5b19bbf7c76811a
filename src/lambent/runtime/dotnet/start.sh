#!/bin/sh
# Start .NET for a function: Lambent's bootstrap for ASSEMBLY::TYPE::METHOD, else the function's own
# program, which speaks the Runtime API. Exit codes and what files are asked for: those of
# aws-lambda-dotnet's bootstrap.sh.
task=$LAMBDA_TASK_ROOT

fail() {
    echo "Error: $2" >&2
    exit "$1"
}

# The host's installation, or a link to where it is in /usr.
dotnet=/var/lang/dotnet
[ -e $dotnet ] || dotnet=$(PATH=/usr/bin:/bin readlink -f /var/lang/bin/dotnet)
export DOTNET_ROOT="${DOTNET_ROOT:-${dotnet%/*}}"

# The one file for an assembly; else the only one of its kind.
file_of() {
    if [ -f "$task/$1.$2" ]; then
        echo "$task/$1.$2"
        return
    fi
    set -- "$task"/*."$2"
    [ $# -eq 1 ] && [ -f "$1" ] && echo "$1"
}

case $_HANDLER in
*:*)
    assembly=${LAMBDA_DOTNET_MAIN_ASSEMBLY:-${_HANDLER%%:*}}
    assembly=${assembly%.dll}
    dependencies=$(file_of "$assembly" deps.json) ||
        fail 105 "$task has no $assembly.deps.json: is it what \`dotnet publish\` made?"
    config=$(file_of "$assembly" runtimeconfig.json) ||
        fail 106 "$task has no $assembly.runtimeconfig.json: is it what \`dotnet publish\` made?"
    # Such a hook is the function's code, and runs before there is anything that could wait.
    [ -n "$_LAMBENT_AHEAD" ] && PATH=/usr/bin:/bin grep -q STARTUP_HOOKS "$config" &&
        fail 107 "not started ahead: $config names startup hooks"
    set -- "$dotnet" exec --depsfile "$dependencies" --runtimeconfig "$config" \
        /var/runtime/Lambent.Bootstrap.dll
    ;;
*)
    program=$task/${_HANDLER%.dll}
    if [ -f "$program.dll" ]; then
        set -- "$dotnet" exec "$program.dll"
    elif [ -f "$program" ]; then
        set -- "$program"
    else
        fail 104 "neither $program.dll nor $program is there"
    fi
    ;;
esac
exec ${AWS_LAMBDA_EXEC_WRAPPER:+"$AWS_LAMBDA_EXEC_WRAPPER"} "$@"
