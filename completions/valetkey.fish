# SPDX-License-Identifier: Apache-2.0
#
# Completion of valetkey for fish. Verbs and options are those the program says it has (--help), roles and identities those its broker has;
# a broker is not started for it. Names are never evaluated: some come from a provider's claims.

# The words so far that are neither options nor their values: the verb, and what follows it.
function __valetkey_words
    set -l skip 0
    for w in (commandline -opc)[2..]
        if test $skip = 1
            set skip 0
        else if contains -- $w --config --format --min-ttl --shell --token --destination --endpoint --message --context --region --resource-account --iam-endpoint --to --listen --service --host --header --body-max --ca-file --time --presign --show
            set skip 1
        else if not string match -q -- '-*' $w
            echo $w
        end
    end
end

function __valetkey_offer
    set -l words (__valetkey_words)
    set -l prev (commandline -opc)[-1]
    if test (count $words) -eq 0
        valetkey --help 2>/dev/null | string replace -rf '^  ([a-z][a-z-]*).*' '$1'
        printf '%s\n' --config --help --version
        return
    end
    switch $prev
        case --format
            printf '%s\n' process json env env-no-export dotenv fish csh powershell
            return
        case --shell
            printf '%s\n' posix fish csh powershell
            return
        case --token
            printf '%s\n' file env
            return
        case --role
            valetkey roles --names 2>/dev/null
            return
        case --min-ttl --destination --endpoint --message --context --region --resource-account --iam-endpoint --to --listen --service --host --header --body-max --time --presign --show
            return
    end
    set -l help (valetkey $words[1] --help 2>/dev/null)
    set -l usage (printf '%s\n' $help | sed -n '1p; 2,$ { /^       /!q; p; }' | string collect)
    if string match -q -- '-*' (commandline -ct)
        string match -ra -- '--[a-z][a-z-]*' $help | sort -u
    else if test "$words" = token
        printf '%s\n' eks rds
    else if test "$words" = service-url
        printf '%s\n' sts sso oidc signin
    else if test (count $words) -eq 1; and not contains -- --identity (commandline -opc); and string match -q '*ROLE*' -- $usage
        valetkey roles --names 2>/dev/null
    else if test (count $words) -eq 1; and string match -q '*IDENTITY*' -- $usage
        valetkey status --names 2>/dev/null
    else if test "$words[1]" = exec
        __fish_complete_path (commandline -ct)
    end
end

complete -c valetkey -f -a '(__valetkey_offer)'
