# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Completion of valetkey for bash. Verbs and options are those the program says it has (--help), roles and identities those its broker has;
# a broker is not started for it. Names are never evaluated: some come from a provider's claims.

# Words on stdin that begin with $1 become the answer.
_valetkey_offer()
{
        local word quoted
        while IFS= read -r word; do
                printf -v quoted '%q' "$word"
                [[ $word == "$1"* ]] && COMPREPLY+=("$quoted")
        done
}

_valetkey()
{
        local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} me=${COMP_WORDS[0]} verb='' n=0 i help usage names='' offers=''
        COMPREPLY=()
        for ((i = 1; i < COMP_CWORD; i++)); do
                case ${COMP_WORDS[i]} in
                --config | --format | --min-ttl | --shell | --token | --destination | --endpoint | --message | --context | --region | --resource-account | --iam-endpoint | --to | --listen | --service | --host | --header | --body-max | --ca-file | --time | --presign | --show | --*-policy | --boundary | --scp | --rcp) ((i++)) ;;
                --identity) names=IDENTITY ;;
                -*) ;;
                *)
                        if [[ $verb ]]; then ((n++)); else verb=${COMP_WORDS[i]}; fi
                        ;;
                esac
        done
        if [[ ! $verb ]]; then
                if [[ $cur == -* ]]; then
                        _valetkey_offer "$cur" < <(printf '%s\n' --config --help --version)
                elif [[ $prev != --config ]]; then
                        _valetkey_offer "$cur" < <("$me" --help 2>/dev/null | sed -n 's/^  \([a-z][a-z-]*\).*/\1/p')
                fi
                return
        fi
        help=$("$me" "$verb" --help 2>/dev/null) || return
        usage=$(sed -n '1p; 2,$ { /^       /!q; p; }' <<<"$help")
        if [[ ! $names && $usage == *ROLE* ]]; then names=ROLE; elif [[ $usage == *IDENTITY* ]]; then names=IDENTITY; fi
        case $verb$n in
        token0) names='' offers='eks rds' ;;
        service-url0) names='' offers='sts sso oidc signin' ;;
        esac
        case $prev in
        --format) _valetkey_offer "$cur" < <(printf '%s\n' process json env env-no-export dotenv fish csh powershell) ;;
        --shell) _valetkey_offer "$cur" < <(printf '%s\n' posix fish csh powershell) ;;
        --token) _valetkey_offer "$cur" < <(printf '%s\n' file env) ;;
        --role) _valetkey_offer "$cur" < <("$me" roles --names 2>/dev/null) ;;
        --min-ttl | --destination | --endpoint | --config | --message | --context | --region | --resource-account | --iam-endpoint | --to | --listen | --service | --host | --header | --body-max | --ca-file | --time | --presign | --show) ;;
        *)
                if [[ $cur == -* ]]; then
                        _valetkey_offer "$cur" < <(grep -o -e '--[a-z][a-z-]*' <<<"$help" | sort -u)
                elif [[ $offers ]]; then
                        _valetkey_offer "$cur" < <(tr ' ' '\n' <<<"$offers")
                elif [[ $n -eq 0 && $names == ROLE ]]; then
                        _valetkey_offer "$cur" < <("$me" roles --names 2>/dev/null)
                elif [[ $n -eq 0 && $names == IDENTITY ]]; then
                        _valetkey_offer "$cur" < <("$me" status --names 2>/dev/null)
                elif [[ $verb == exec && $n -eq 1 ]]; then
                        _valetkey_offer "$cur" < <(compgen -c -- "$cur" | sort -u)
                fi
                ;;
        esac
}

complete -o bashdefault -o default -F _valetkey valetkey
