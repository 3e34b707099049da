# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_gossip_global_optspecs
    string join \n socket= json h/help V/version
end

function __fish_gossip_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_gossip_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_gossip_using_subcommand
    set -l cmd (__fish_gossip_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c gossip -n "__fish_gossip_needs_command" -l socket -d 'The local agent\'s Unix socket. Default: gossip.sock in the runtime folder' -r -F
complete -c gossip -n "__fish_gossip_needs_command" -l json -d 'Print JSON, errors on standard error included'
complete -c gossip -n "__fish_gossip_needs_command" -s h -l help -d 'Print help'
complete -c gossip -n "__fish_gossip_needs_command" -s V -l version -d 'Print version'
complete -c gossip -n "__fish_gossip_needs_command" -f -a "agent" -d 'Run a cluster member until it is told to stop'
complete -c gossip -n "__fish_gossip_needs_command" -f -a "config" -d 'Show or check the configuration'
complete -c gossip -n "__fish_gossip_needs_command" -f -a "demo" -d 'Run a whole cluster in one process, live: join, share a catalogue, broadcast, crash, return'
complete -c gossip -n "__fish_gossip_needs_command" -f -a "sim" -d 'Run scenarios on simulated networks'
complete -c gossip -n "__fish_gossip_needs_command" -f -a "completions" -d 'Print what a shell needs to complete commands of this program'
complete -c gossip -n "__fish_gossip_needs_command" -f -a "man" -d 'Print or write manual pages'
complete -c gossip -n "__fish_gossip_needs_command" -f -a "members" -d 'Show who is in the cluster'
complete -c gossip -n "__fish_gossip_needs_command" -f -a "rtt" -d 'Show how long a packet takes from one member to another and back'
complete -c gossip -n "__fish_gossip_needs_command" -f -a "info" -d 'Show the local agent: identity, address, counters'
complete -c gossip -n "__fish_gossip_needs_command" -f -a "join" -d 'Make the agent join through other members'
complete -c gossip -n "__fish_gossip_needs_command" -f -a "leave" -d 'Make the agent leave the cluster gracefully and stop'
complete -c gossip -n "__fish_gossip_needs_command" -f -a "force-leave" -d 'Mark a member that is down as left, everywhere'
complete -c gossip -n "__fish_gossip_needs_command" -f -a "set" -d 'Write a key; prints the version of the write'
complete -c gossip -n "__fish_gossip_needs_command" -f -a "get" -d 'Print a key\'s value'
complete -c gossip -n "__fish_gossip_needs_command" -f -a "delete" -d 'Delete a key; prints the version of the write'
complete -c gossip -n "__fish_gossip_needs_command" -f -a "incr" -d 'Count a counter up or down; prints where it stands'
complete -c gossip -n "__fish_gossip_needs_command" -f -a "add" -d 'Add elements to a set; prints the version of the write'
complete -c gossip -n "__fish_gossip_needs_command" -f -a "remove" -d 'Remove elements from a set; prints the version of the write'
complete -c gossip -n "__fish_gossip_needs_command" -f -a "siblings" -d 'Show the values of a key that were written at the same time'
complete -c gossip -n "__fish_gossip_needs_command" -f -a "resolve" -d 'Write one value in place of those that were written at the same time'
complete -c gossip -n "__fish_gossip_needs_command" -f -a "list" -d 'List keys and values'
complete -c gossip -n "__fish_gossip_needs_command" -f -a "import" -d 'Write many keys from a JSON file'
complete -c gossip -n "__fish_gossip_needs_command" -f -a "export" -d 'Print keys and values as one JSON object'
complete -c gossip -n "__fish_gossip_needs_command" -f -a "diff" -d 'Compare the keys of this agent with those of a member: which differ, and what it took to find them'
complete -c gossip -n "__fish_gossip_needs_command" -f -a "publish" -d 'Send a message to all members'
complete -c gossip -n "__fish_gossip_needs_command" -f -a "cancel" -d 'Take back a message of this agent where it has not arrived yet'
complete -c gossip -n "__fish_gossip_needs_command" -f -a "subscribe" -d 'Print messages as they arrive'
complete -c gossip -n "__fish_gossip_needs_command" -f -a "watch" -d 'Print changes of keys as they happen'
complete -c gossip -n "__fish_gossip_needs_command" -f -a "send" -d 'Send a message to one member; ends when it was delivered'
complete -c gossip -n "__fish_gossip_needs_command" -f -a "inbox" -d 'Print the messages that others sent to this agent'
complete -c gossip -n "__fish_gossip_needs_command" -f -a "query" -d 'Ask all members, or some, and print their answers'
complete -c gossip -n "__fish_gossip_needs_command" -f -a "reachability" -d 'Ask members who gets through to whom, and name links that carry in one direction only'
complete -c gossip -n "__fish_gossip_needs_command" -f -a "events" -d 'Print whatever happens in the cluster, as it happens'
complete -c gossip -n "__fish_gossip_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c gossip -n "__fish_gossip_using_subcommand agent" -l bind -d 'Address to listen on, IP or IP:PORT; port 0 takes a free one' -r
complete -c gossip -n "__fish_gossip_using_subcommand agent" -l advertise -d 'Address that others reach this member at, IP or IP:PORT. Default: the bound address; with an unspecified one such as 0.0.0.0 the local address of the route to the first contact' -r
complete -c gossip -n "__fish_gossip_using_subcommand agent" -l join -d 'A member to join through, HOST or HOST:PORT; names are resolved. Repeatable: one that answers is enough' -r
complete -c gossip -n "__fish_gossip_using_subcommand agent" -l cluster -d 'The cluster\'s label: packets of other clusters are refused and counted' -r
complete -c gossip -n "__fish_gossip_using_subcommand agent" -l name -d 'This member\'s name, unique in the cluster. Default: the one in the data folder, else host name and a suffix' -r
complete -c gossip -n "__fish_gossip_using_subcommand agent" -l tag -d 'A tag that all members see, KEY=VALUE. Repeatable' -r
complete -c gossip -n "__fish_gossip_using_subcommand agent" -l config -d 'TOML file with the fields that `gossip config default` prints' -r -F
complete -c gossip -n "__fish_gossip_using_subcommand agent" -l data-dir -d 'Folder that keeps identity, generation, keys and member list across restarts; one agent per folder. A write of an own key is on disk before it is answered, everything else within a second' -r -F
complete -c gossip -n "__fish_gossip_using_subcommand agent" -l on-event -d 'A command to run when something happens, CMD or KIND=CMD or KIND,KIND=CMD: the shell runs it with the event as one line of JSON on standard input. Without KIND on every event but key, message and reload. Repeatable' -r
complete -c gossip -n "__fish_gossip_using_subcommand agent" -l on-query -d 'A command that answers the queries of a name, NAME=CMD: the shell runs it with the query\'s data on standard input, and what it writes to standard output is the answer. Repeatable, each name once' -r
complete -c gossip -n "__fish_gossip_using_subcommand agent" -l http -d 'Answer HTTP at this address too, IP or IP:PORT: what the socket answers, /metrics for Prometheus, /openapi.json. Only an address of the loopback device; the port is 7980 unless written, 0 takes a free one' -r
complete -c gossip -n "__fish_gossip_using_subcommand agent" -l log -d 'The least severe messages to log. Default: info' -r -f -a "off\t''
error\t''
warn\t''
info\t''
debug\t''
trace\t''"
complete -c gossip -n "__fish_gossip_using_subcommand agent" -l socket -d 'The local agent\'s Unix socket. Default: gossip.sock in the runtime folder' -r -F
complete -c gossip -n "__fish_gossip_using_subcommand agent" -l no-stream -d 'Do without TCP: everything goes in UDP datagrams, which other members put up with'
complete -c gossip -n "__fish_gossip_using_subcommand agent" -l http-allow-remote -d 'Let --http listen at any address: whoever reaches it can read and write everything and stop the agent'
complete -c gossip -n "__fish_gossip_using_subcommand agent" -l json -d 'Print JSON, errors on standard error included'
complete -c gossip -n "__fish_gossip_using_subcommand agent" -s h -l help -d 'Print help'
complete -c gossip -n "__fish_gossip_using_subcommand config; and not __fish_seen_subcommand_from check default help" -l socket -d 'The local agent\'s Unix socket. Default: gossip.sock in the runtime folder' -r -F
complete -c gossip -n "__fish_gossip_using_subcommand config; and not __fish_seen_subcommand_from check default help" -l json -d 'Print JSON, errors on standard error included'
complete -c gossip -n "__fish_gossip_using_subcommand config; and not __fish_seen_subcommand_from check default help" -s h -l help -d 'Print help'
complete -c gossip -n "__fish_gossip_using_subcommand config; and not __fish_seen_subcommand_from check default help" -f -a "check" -d 'Check a configuration file, and say what it would change: by SIGHUP or only by a restart'
complete -c gossip -n "__fish_gossip_using_subcommand config; and not __fish_seen_subcommand_from check default help" -f -a "default" -d 'Print a commented template that holds every field and its default'
complete -c gossip -n "__fish_gossip_using_subcommand config; and not __fish_seen_subcommand_from check default help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c gossip -n "__fish_gossip_using_subcommand config; and __fish_seen_subcommand_from check" -l socket -d 'The local agent\'s Unix socket. Default: gossip.sock in the runtime folder' -r -F
complete -c gossip -n "__fish_gossip_using_subcommand config; and __fish_seen_subcommand_from check" -l json -d 'Print JSON, errors on standard error included'
complete -c gossip -n "__fish_gossip_using_subcommand config; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help'
complete -c gossip -n "__fish_gossip_using_subcommand config; and __fish_seen_subcommand_from default" -l socket -d 'The local agent\'s Unix socket. Default: gossip.sock in the runtime folder' -r -F
complete -c gossip -n "__fish_gossip_using_subcommand config; and __fish_seen_subcommand_from default" -l json -d 'Print JSON, errors on standard error included'
complete -c gossip -n "__fish_gossip_using_subcommand config; and __fish_seen_subcommand_from default" -s h -l help -d 'Print help'
complete -c gossip -n "__fish_gossip_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "check" -d 'Check a configuration file, and say what it would change: by SIGHUP or only by a restart'
complete -c gossip -n "__fish_gossip_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "default" -d 'Print a commented template that holds every field and its default'
complete -c gossip -n "__fish_gossip_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c gossip -n "__fish_gossip_using_subcommand demo" -l nodes -d 'How many members, each with a UDP socket of its own' -r
complete -c gossip -n "__fish_gossip_using_subcommand demo" -l data -d 'The catalogue to share: a JSON array of objects with a `name`, or an object. Default: a built-in sample' -r -F
complete -c gossip -n "__fish_gossip_using_subcommand demo" -l socket -d 'The local agent\'s Unix socket. Default: gossip.sock in the runtime folder' -r -F
complete -c gossip -n "__fish_gossip_using_subcommand demo" -l json -d 'Print JSON, errors on standard error included'
complete -c gossip -n "__fish_gossip_using_subcommand demo" -s h -l help -d 'Print help'
complete -c gossip -n "__fish_gossip_using_subcommand sim; and not __fish_seen_subcommand_from run list floors help" -l socket -d 'The local agent\'s Unix socket. Default: gossip.sock in the runtime folder' -r -F
complete -c gossip -n "__fish_gossip_using_subcommand sim; and not __fish_seen_subcommand_from run list floors help" -l json -d 'Print JSON, errors on standard error included'
complete -c gossip -n "__fish_gossip_using_subcommand sim; and not __fish_seen_subcommand_from run list floors help" -s h -l help -d 'Print help'
complete -c gossip -n "__fish_gossip_using_subcommand sim; and not __fish_seen_subcommand_from run list floors help" -f -a "run" -d 'Run one scenario, once for each seed'
complete -c gossip -n "__fish_gossip_using_subcommand sim; and not __fish_seen_subcommand_from run list floors help" -f -a "list" -d 'List the scenarios that are built in'
complete -c gossip -n "__fish_gossip_using_subcommand sim; and not __fish_seen_subcommand_from run list floors help" -f -a "floors" -d 'Run every scenario that is built in and say whether it keeps its floors; exit code 1 if not'
complete -c gossip -n "__fish_gossip_using_subcommand sim; and not __fish_seen_subcommand_from run list floors help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c gossip -n "__fish_gossip_using_subcommand sim; and __fish_seen_subcommand_from run" -l seeds -d 'The seeds to run: N, or A..B with B included' -r
complete -c gossip -n "__fish_gossip_using_subcommand sim; and __fish_seen_subcommand_from run" -l set -d 'Change one value of the scenario. Repeatable' -r
complete -c gossip -n "__fish_gossip_using_subcommand sim; and __fish_seen_subcommand_from run" -l socket -d 'The local agent\'s Unix socket. Default: gossip.sock in the runtime folder' -r -F
complete -c gossip -n "__fish_gossip_using_subcommand sim; and __fish_seen_subcommand_from run" -l json -d 'Print JSON, errors on standard error included'
complete -c gossip -n "__fish_gossip_using_subcommand sim; and __fish_seen_subcommand_from run" -s h -l help -d 'Print help'
complete -c gossip -n "__fish_gossip_using_subcommand sim; and __fish_seen_subcommand_from list" -l socket -d 'The local agent\'s Unix socket. Default: gossip.sock in the runtime folder' -r -F
complete -c gossip -n "__fish_gossip_using_subcommand sim; and __fish_seen_subcommand_from list" -l json -d 'Print JSON, errors on standard error included'
complete -c gossip -n "__fish_gossip_using_subcommand sim; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c gossip -n "__fish_gossip_using_subcommand sim; and __fish_seen_subcommand_from floors" -l seeds -d 'The seeds to run instead of each row\'s own: N, or A..B with B included' -r
complete -c gossip -n "__fish_gossip_using_subcommand sim; and __fish_seen_subcommand_from floors" -l only -d 'Only the table of this name (basic, membership), or scenarios whose names begin so' -r
complete -c gossip -n "__fish_gossip_using_subcommand sim; and __fish_seen_subcommand_from floors" -l socket -d 'The local agent\'s Unix socket. Default: gossip.sock in the runtime folder' -r -F
complete -c gossip -n "__fish_gossip_using_subcommand sim; and __fish_seen_subcommand_from floors" -l json -d 'Print JSON, errors on standard error included'
complete -c gossip -n "__fish_gossip_using_subcommand sim; and __fish_seen_subcommand_from floors" -s h -l help -d 'Print help'
complete -c gossip -n "__fish_gossip_using_subcommand sim; and __fish_seen_subcommand_from help" -f -a "run" -d 'Run one scenario, once for each seed'
complete -c gossip -n "__fish_gossip_using_subcommand sim; and __fish_seen_subcommand_from help" -f -a "list" -d 'List the scenarios that are built in'
complete -c gossip -n "__fish_gossip_using_subcommand sim; and __fish_seen_subcommand_from help" -f -a "floors" -d 'Run every scenario that is built in and say whether it keeps its floors; exit code 1 if not'
complete -c gossip -n "__fish_gossip_using_subcommand sim; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c gossip -n "__fish_gossip_using_subcommand completions" -l socket -d 'The local agent\'s Unix socket. Default: gossip.sock in the runtime folder' -r -F
complete -c gossip -n "__fish_gossip_using_subcommand completions" -l json -d 'Print JSON, errors on standard error included'
complete -c gossip -n "__fish_gossip_using_subcommand completions" -s h -l help -d 'Print help'
complete -c gossip -n "__fish_gossip_using_subcommand man" -l dir -d 'Write the pages of all commands into this folder' -r -F
complete -c gossip -n "__fish_gossip_using_subcommand man" -l socket -d 'The local agent\'s Unix socket. Default: gossip.sock in the runtime folder' -r -F
complete -c gossip -n "__fish_gossip_using_subcommand man" -l json -d 'Print JSON, errors on standard error included'
complete -c gossip -n "__fish_gossip_using_subcommand man" -s h -l help -d 'Print help'
complete -c gossip -n "__fish_gossip_using_subcommand members" -l tag -d 'Only members with this tag. Repeatable: all must match' -r
complete -c gossip -n "__fish_gossip_using_subcommand members" -l status -d 'Only members of this status. Repeatable: any may match. Without it: alive and suspect' -r -f -a "alive\t''
suspect\t''
down\t''
left\t''"
complete -c gossip -n "__fish_gossip_using_subcommand members" -l name -d 'Only members of this name; `*` stands for any text' -r
complete -c gossip -n "__fish_gossip_using_subcommand members" -l why -d 'Say why members are held to be what they are; of one alone, if its name or id is given' -r
complete -c gossip -n "__fish_gossip_using_subcommand members" -l socket -d 'The local agent\'s Unix socket. Default: gossip.sock in the runtime folder' -r -F
complete -c gossip -n "__fish_gossip_using_subcommand members" -l all -d 'Those down and left too'
complete -c gossip -n "__fish_gossip_using_subcommand members" -l json -d 'Print JSON, errors on standard error included'
complete -c gossip -n "__fish_gossip_using_subcommand members" -s h -l help -d 'Print help'
complete -c gossip -n "__fish_gossip_using_subcommand rtt" -l socket -d 'The local agent\'s Unix socket. Default: gossip.sock in the runtime folder' -r -F
complete -c gossip -n "__fish_gossip_using_subcommand rtt" -l json -d 'Print JSON, errors on standard error included'
complete -c gossip -n "__fish_gossip_using_subcommand rtt" -s h -l help -d 'Print help'
complete -c gossip -n "__fish_gossip_using_subcommand info" -l socket -d 'The local agent\'s Unix socket. Default: gossip.sock in the runtime folder' -r -F
complete -c gossip -n "__fish_gossip_using_subcommand info" -l json -d 'Print JSON, errors on standard error included'
complete -c gossip -n "__fish_gossip_using_subcommand info" -s h -l help -d 'Print help'
complete -c gossip -n "__fish_gossip_using_subcommand join" -l socket -d 'The local agent\'s Unix socket. Default: gossip.sock in the runtime folder' -r -F
complete -c gossip -n "__fish_gossip_using_subcommand join" -l json -d 'Print JSON, errors on standard error included'
complete -c gossip -n "__fish_gossip_using_subcommand join" -s h -l help -d 'Print help'
complete -c gossip -n "__fish_gossip_using_subcommand leave" -l socket -d 'The local agent\'s Unix socket. Default: gossip.sock in the runtime folder' -r -F
complete -c gossip -n "__fish_gossip_using_subcommand leave" -l json -d 'Print JSON, errors on standard error included'
complete -c gossip -n "__fish_gossip_using_subcommand leave" -s h -l help -d 'Print help'
complete -c gossip -n "__fish_gossip_using_subcommand force-leave" -l socket -d 'The local agent\'s Unix socket. Default: gossip.sock in the runtime folder' -r -F
complete -c gossip -n "__fish_gossip_using_subcommand force-leave" -l json -d 'Print JSON, errors on standard error included'
complete -c gossip -n "__fish_gossip_using_subcommand force-leave" -s h -l help -d 'Print help'
complete -c gossip -n "__fish_gossip_using_subcommand set" -l type -d 'Change a value of this type, rather than setting a text' -r -f -a "flag\t''
strict-flag\t''
max\t''
min\t''
sketch\t''"
complete -c gossip -n "__fish_gossip_using_subcommand set" -l field -d 'Write a field of a map. Repeatable: a field of the map in that field' -r
complete -c gossip -n "__fish_gossip_using_subcommand set" -l if-version -d 'Only if this was the key\'s last write' -r
complete -c gossip -n "__fish_gossip_using_subcommand set" -l expires -d 'After so long, such as 500ms or 10s, the key is gone everywhere, unless it is written again. Default: it stays' -r
complete -c gossip -n "__fish_gossip_using_subcommand set" -l wait -d 'Wait until so many other members have the write: N, all, or majority, this one included' -r
complete -c gossip -n "__fish_gossip_using_subcommand set" -l timeout -d 'How long to wait, at most 60s, such as 500ms or 5s. Default: 10s' -r
complete -c gossip -n "__fish_gossip_using_subcommand set" -l socket -d 'The local agent\'s Unix socket. Default: gossip.sock in the runtime folder' -r -F
complete -c gossip -n "__fish_gossip_using_subcommand set" -l if-absent -d 'Only if the key is not there'
complete -c gossip -n "__fish_gossip_using_subcommand set" -l own -d 'Write a key of this member\'s own, which nobody else can change'
complete -c gossip -n "__fish_gossip_using_subcommand set" -l json -d 'Print JSON, errors on standard error included'
complete -c gossip -n "__fish_gossip_using_subcommand set" -s h -l help -d 'Print help'
complete -c gossip -n "__fish_gossip_using_subcommand get" -l socket -d 'The local agent\'s Unix socket. Default: gossip.sock in the runtime folder' -r -F
complete -c gossip -n "__fish_gossip_using_subcommand get" -l own -d 'Read a key of this member\'s own'
complete -c gossip -n "__fish_gossip_using_subcommand get" -l json -d 'Print JSON, errors on standard error included'
complete -c gossip -n "__fish_gossip_using_subcommand get" -s h -l help -d 'Print help'
complete -c gossip -n "__fish_gossip_using_subcommand delete" -l field -d 'Delete only a field of the map that it holds. Repeatable: a field of the map in that field' -r
complete -c gossip -n "__fish_gossip_using_subcommand delete" -l if-version -d 'Only if this was the key\'s last write' -r
complete -c gossip -n "__fish_gossip_using_subcommand delete" -l wait -d 'Wait until so many other members have the write: N, all, or majority, this one included' -r
complete -c gossip -n "__fish_gossip_using_subcommand delete" -l timeout -d 'How long to wait, at most 60s, such as 500ms or 5s. Default: 10s' -r
complete -c gossip -n "__fish_gossip_using_subcommand delete" -l socket -d 'The local agent\'s Unix socket. Default: gossip.sock in the runtime folder' -r -F
complete -c gossip -n "__fish_gossip_using_subcommand delete" -l own -d 'Delete a key of this member\'s own'
complete -c gossip -n "__fish_gossip_using_subcommand delete" -l json -d 'Print JSON, errors on standard error included'
complete -c gossip -n "__fish_gossip_using_subcommand delete" -s h -l help -d 'Print help'
complete -c gossip -n "__fish_gossip_using_subcommand incr" -l field -d 'Count in a field of a map. Repeatable: a field of the map in that field' -r
complete -c gossip -n "__fish_gossip_using_subcommand incr" -l expires -d 'After so long, such as 500ms or 10s, the key is gone everywhere, unless it is written again. Default: it stays' -r
complete -c gossip -n "__fish_gossip_using_subcommand incr" -l wait -d 'Wait until so many other members have the write: N, all, or majority, this one included' -r
complete -c gossip -n "__fish_gossip_using_subcommand incr" -l timeout -d 'How long to wait, at most 60s, such as 500ms or 5s. Default: 10s' -r
complete -c gossip -n "__fish_gossip_using_subcommand incr" -l socket -d 'The local agent\'s Unix socket. Default: gossip.sock in the runtime folder' -r -F
complete -c gossip -n "__fish_gossip_using_subcommand incr" -l own -d 'Write a key of this member\'s own, which nobody else can change'
complete -c gossip -n "__fish_gossip_using_subcommand incr" -l json -d 'Print JSON, errors on standard error included'
complete -c gossip -n "__fish_gossip_using_subcommand incr" -s h -l help -d 'Print help'
complete -c gossip -n "__fish_gossip_using_subcommand add" -l type -d 'Which kind of set it is' -r -f -a "set\t''
strict-set\t''"
complete -c gossip -n "__fish_gossip_using_subcommand add" -l field -d 'The set is in a field of a map. Repeatable: a field of the map in that field' -r
complete -c gossip -n "__fish_gossip_using_subcommand add" -l expires -d 'After so long, such as 500ms or 10s, the key is gone everywhere, unless it is written again. Default: it stays' -r
complete -c gossip -n "__fish_gossip_using_subcommand add" -l wait -d 'Wait until so many other members have the write: N, all, or majority, this one included' -r
complete -c gossip -n "__fish_gossip_using_subcommand add" -l timeout -d 'How long to wait, at most 60s, such as 500ms or 5s. Default: 10s' -r
complete -c gossip -n "__fish_gossip_using_subcommand add" -l socket -d 'The local agent\'s Unix socket. Default: gossip.sock in the runtime folder' -r -F
complete -c gossip -n "__fish_gossip_using_subcommand add" -l own -d 'Write a key of this member\'s own, which nobody else can change'
complete -c gossip -n "__fish_gossip_using_subcommand add" -l json -d 'Print JSON, errors on standard error included'
complete -c gossip -n "__fish_gossip_using_subcommand add" -s h -l help -d 'Print help'
complete -c gossip -n "__fish_gossip_using_subcommand remove" -l type -d 'Which kind of set it is' -r -f -a "set\t''
strict-set\t''"
complete -c gossip -n "__fish_gossip_using_subcommand remove" -l field -d 'The set is in a field of a map. Repeatable: a field of the map in that field' -r
complete -c gossip -n "__fish_gossip_using_subcommand remove" -l expires -d 'After so long, such as 500ms or 10s, the key is gone everywhere, unless it is written again. Default: it stays' -r
complete -c gossip -n "__fish_gossip_using_subcommand remove" -l wait -d 'Wait until so many other members have the write: N, all, or majority, this one included' -r
complete -c gossip -n "__fish_gossip_using_subcommand remove" -l timeout -d 'How long to wait, at most 60s, such as 500ms or 5s. Default: 10s' -r
complete -c gossip -n "__fish_gossip_using_subcommand remove" -l socket -d 'The local agent\'s Unix socket. Default: gossip.sock in the runtime folder' -r -F
complete -c gossip -n "__fish_gossip_using_subcommand remove" -l own -d 'Write a key of this member\'s own, which nobody else can change'
complete -c gossip -n "__fish_gossip_using_subcommand remove" -l json -d 'Print JSON, errors on standard error included'
complete -c gossip -n "__fish_gossip_using_subcommand remove" -s h -l help -d 'Print help'
complete -c gossip -n "__fish_gossip_using_subcommand siblings" -l socket -d 'The local agent\'s Unix socket. Default: gossip.sock in the runtime folder' -r -F
complete -c gossip -n "__fish_gossip_using_subcommand siblings" -l own -d 'Read a key of this member\'s own'
complete -c gossip -n "__fish_gossip_using_subcommand siblings" -l json -d 'Print JSON, errors on standard error included'
complete -c gossip -n "__fish_gossip_using_subcommand siblings" -s h -l help -d 'Print help'
complete -c gossip -n "__fish_gossip_using_subcommand resolve" -l pick -d 'The value that this version wrote, one of those that `gossip siblings` shows' -r
complete -c gossip -n "__fish_gossip_using_subcommand resolve" -l expires -d 'After so long, such as 500ms or 10s, the key is gone everywhere, unless it is written again. Default: it stays' -r
complete -c gossip -n "__fish_gossip_using_subcommand resolve" -l wait -d 'Wait until so many other members have the write: N, all, or majority, this one included' -r
complete -c gossip -n "__fish_gossip_using_subcommand resolve" -l timeout -d 'How long to wait, at most 60s, such as 500ms or 5s. Default: 10s' -r
complete -c gossip -n "__fish_gossip_using_subcommand resolve" -l socket -d 'The local agent\'s Unix socket. Default: gossip.sock in the runtime folder' -r -F
complete -c gossip -n "__fish_gossip_using_subcommand resolve" -l own -d 'Write a key of this member\'s own, which nobody else can change'
complete -c gossip -n "__fish_gossip_using_subcommand resolve" -l json -d 'Print JSON, errors on standard error included'
complete -c gossip -n "__fish_gossip_using_subcommand resolve" -s h -l help -d 'Print help'
complete -c gossip -n "__fish_gossip_using_subcommand list" -l socket -d 'The local agent\'s Unix socket. Default: gossip.sock in the runtime folder' -r -F
complete -c gossip -n "__fish_gossip_using_subcommand list" -l own -d 'Only keys of this member\'s own'
complete -c gossip -n "__fish_gossip_using_subcommand list" -l watch -d 'Go on with what changes from then on, without a gap or a repetition in between'
complete -c gossip -n "__fish_gossip_using_subcommand list" -l json -d 'Print JSON, errors on standard error included'
complete -c gossip -n "__fish_gossip_using_subcommand list" -s h -l help -d 'Print help'
complete -c gossip -n "__fish_gossip_using_subcommand import" -l key -d 'For an array: the field whose text is the key' -r
complete -c gossip -n "__fish_gossip_using_subcommand import" -l socket -d 'The local agent\'s Unix socket. Default: gossip.sock in the runtime folder' -r -F
complete -c gossip -n "__fish_gossip_using_subcommand import" -l sample -d 'Import the sample catalogue that is built in'
complete -c gossip -n "__fish_gossip_using_subcommand import" -l own -d 'Write them as keys of this member\'s own'
complete -c gossip -n "__fish_gossip_using_subcommand import" -l json -d 'Print JSON, errors on standard error included'
complete -c gossip -n "__fish_gossip_using_subcommand import" -s h -l help -d 'Print help'
complete -c gossip -n "__fish_gossip_using_subcommand export" -l prefix -d 'Only keys that start with this' -r
complete -c gossip -n "__fish_gossip_using_subcommand export" -l socket -d 'The local agent\'s Unix socket. Default: gossip.sock in the runtime folder' -r -F
complete -c gossip -n "__fish_gossip_using_subcommand export" -l all -d 'Own keys of all members too'
complete -c gossip -n "__fish_gossip_using_subcommand export" -l json -d 'Print JSON, errors on standard error included'
complete -c gossip -n "__fish_gossip_using_subcommand export" -s h -l help -d 'Print help'
complete -c gossip -n "__fish_gossip_using_subcommand diff" -l limit -d 'Show so many keys at most' -r
complete -c gossip -n "__fish_gossip_using_subcommand diff" -l timeout -d 'How long to wait for the member, 100ms to 60s' -r
complete -c gossip -n "__fish_gossip_using_subcommand diff" -l socket -d 'The local agent\'s Unix socket. Default: gossip.sock in the runtime folder' -r -F
complete -c gossip -n "__fish_gossip_using_subcommand diff" -l json -d 'Print JSON, errors on standard error included'
complete -c gossip -n "__fish_gossip_using_subcommand diff" -s h -l help -d 'Print help'
complete -c gossip -n "__fish_gossip_using_subcommand publish" -l text -d 'The message itself' -r
complete -c gossip -n "__fish_gossip_using_subcommand publish" -l class -d 'How urgent it is: urgent messages go over more links, bulk ones when nothing else waits' -r -f -a "urgent\t''
normal\t''
bulk\t''"
complete -c gossip -n "__fish_gossip_using_subcommand publish" -l expires -d 'After so long, such as 500ms or 10s, whoever has not got it never does. Default: as long as messages are kept' -r
complete -c gossip -n "__fish_gossip_using_subcommand publish" -l key -d 'It replaces older messages of this agent with the same topic and key wherever they are still on their way' -r
complete -c gossip -n "__fish_gossip_using_subcommand publish" -l wait-coverage -d 'Wait until this share of the other members, 0 to 1, have it with 95 % confidence' -r
complete -c gossip -n "__fish_gossip_using_subcommand publish" -l timeout -d 'How long to wait, at most 60s, such as 500ms or 5s. Default: 10s' -r
complete -c gossip -n "__fish_gossip_using_subcommand publish" -l socket -d 'The local agent\'s Unix socket. Default: gossip.sock in the runtime folder' -r -F
complete -c gossip -n "__fish_gossip_using_subcommand publish" -l ordered -d 'Deliver it everywhere after this agent\'s former ordered messages'
complete -c gossip -n "__fish_gossip_using_subcommand publish" -l json -d 'Print JSON, errors on standard error included'
complete -c gossip -n "__fish_gossip_using_subcommand publish" -s h -l help -d 'Print help'
complete -c gossip -n "__fish_gossip_using_subcommand cancel" -l socket -d 'The local agent\'s Unix socket. Default: gossip.sock in the runtime folder' -r -F
complete -c gossip -n "__fish_gossip_using_subcommand cancel" -l json -d 'Print JSON, errors on standard error included'
complete -c gossip -n "__fish_gossip_using_subcommand cancel" -s h -l help -d 'Print help'
complete -c gossip -n "__fish_gossip_using_subcommand subscribe" -l count -d 'Stop after so many messages' -r
complete -c gossip -n "__fish_gossip_using_subcommand subscribe" -l socket -d 'The local agent\'s Unix socket. Default: gossip.sock in the runtime folder' -r -F
complete -c gossip -n "__fish_gossip_using_subcommand subscribe" -l json -d 'Print JSON, errors on standard error included'
complete -c gossip -n "__fish_gossip_using_subcommand subscribe" -s h -l help -d 'Print help'
complete -c gossip -n "__fish_gossip_using_subcommand watch" -l from -d 'Begin with what changed after this revision of the agent, as far as it is known. Default: from now on' -r
complete -c gossip -n "__fish_gossip_using_subcommand watch" -l count -d 'Stop after so many changes' -r
complete -c gossip -n "__fish_gossip_using_subcommand watch" -l socket -d 'The local agent\'s Unix socket. Default: gossip.sock in the runtime folder' -r -F
complete -c gossip -n "__fish_gossip_using_subcommand watch" -l own -d 'Only keys of this member\'s own'
complete -c gossip -n "__fish_gossip_using_subcommand watch" -l json -d 'Print JSON, errors on standard error included'
complete -c gossip -n "__fish_gossip_using_subcommand watch" -s h -l help -d 'Print help'
complete -c gossip -n "__fish_gossip_using_subcommand send" -l socket -d 'The local agent\'s Unix socket. Default: gossip.sock in the runtime folder' -r -F
complete -c gossip -n "__fish_gossip_using_subcommand send" -l json -d 'Print JSON, errors on standard error included'
complete -c gossip -n "__fish_gossip_using_subcommand send" -s h -l help -d 'Print help'
complete -c gossip -n "__fish_gossip_using_subcommand inbox" -l count -d 'Stop after so many messages' -r
complete -c gossip -n "__fish_gossip_using_subcommand inbox" -l socket -d 'The local agent\'s Unix socket. Default: gossip.sock in the runtime folder' -r -F
complete -c gossip -n "__fish_gossip_using_subcommand inbox" -l json -d 'Print JSON, errors on standard error included'
complete -c gossip -n "__fish_gossip_using_subcommand inbox" -s h -l help -d 'Print help'
complete -c gossip -n "__fish_gossip_using_subcommand query" -l tag -d 'Ask only members with this tag. Repeatable: all must match' -r
complete -c gossip -n "__fish_gossip_using_subcommand query" -l timeout -d 'How long to wait for answers, at most 1h' -r
complete -c gossip -n "__fish_gossip_using_subcommand query" -l socket -d 'The local agent\'s Unix socket. Default: gossip.sock in the runtime folder' -r -F
complete -c gossip -n "__fish_gossip_using_subcommand query" -l json -d 'Print JSON, errors on standard error included'
complete -c gossip -n "__fish_gossip_using_subcommand query" -s h -l help -d 'Print help'
complete -c gossip -n "__fish_gossip_using_subcommand reachability" -l timeout -d 'How long to wait for reports, 100ms to 60s' -r
complete -c gossip -n "__fish_gossip_using_subcommand reachability" -l socket -d 'The local agent\'s Unix socket. Default: gossip.sock in the runtime folder' -r -F
complete -c gossip -n "__fish_gossip_using_subcommand reachability" -l json -d 'Print JSON, errors on standard error included'
complete -c gossip -n "__fish_gossip_using_subcommand reachability" -s h -l help -d 'Print help'
complete -c gossip -n "__fish_gossip_using_subcommand events" -l only -d 'Only events of these kinds, and how many were missed' -r -f -a "member\t'A member came, changed, was suspected, failed, flapped or left'
partition\t'This member is on one side of a split network'
healed\t'That is over'
namesake\t'Two live members claim one id: which of them keeps it'
join\t'A join through one contact succeeded or found no answer'
key\t'A key was written or deleted'
message\t'A broadcast message arrived or was sent here'
gap\t'Messages of a member are missing and not waited for any more'
unacknowledged\t'Nobody acknowledged a message that was sent here'
reload\t'The agent read its configuration again'
left\t'The agent has left the cluster'
lagged\t'Events were missed, because more happened than was read'"
complete -c gossip -n "__fish_gossip_using_subcommand events" -l count -d 'Stop after so many events' -r
complete -c gossip -n "__fish_gossip_using_subcommand events" -l socket -d 'The local agent\'s Unix socket. Default: gossip.sock in the runtime folder' -r -F
complete -c gossip -n "__fish_gossip_using_subcommand events" -l json -d 'Print JSON, errors on standard error included'
complete -c gossip -n "__fish_gossip_using_subcommand events" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gossip -n "__fish_gossip_using_subcommand help; and not __fish_seen_subcommand_from agent config demo sim completions man members rtt info join leave force-leave set get delete incr add remove siblings resolve list import export diff publish cancel subscribe watch send inbox query reachability events help" -f -a "agent" -d 'Run a cluster member until it is told to stop'
complete -c gossip -n "__fish_gossip_using_subcommand help; and not __fish_seen_subcommand_from agent config demo sim completions man members rtt info join leave force-leave set get delete incr add remove siblings resolve list import export diff publish cancel subscribe watch send inbox query reachability events help" -f -a "config" -d 'Show or check the configuration'
complete -c gossip -n "__fish_gossip_using_subcommand help; and not __fish_seen_subcommand_from agent config demo sim completions man members rtt info join leave force-leave set get delete incr add remove siblings resolve list import export diff publish cancel subscribe watch send inbox query reachability events help" -f -a "demo" -d 'Run a whole cluster in one process, live: join, share a catalogue, broadcast, crash, return'
complete -c gossip -n "__fish_gossip_using_subcommand help; and not __fish_seen_subcommand_from agent config demo sim completions man members rtt info join leave force-leave set get delete incr add remove siblings resolve list import export diff publish cancel subscribe watch send inbox query reachability events help" -f -a "sim" -d 'Run scenarios on simulated networks'
complete -c gossip -n "__fish_gossip_using_subcommand help; and not __fish_seen_subcommand_from agent config demo sim completions man members rtt info join leave force-leave set get delete incr add remove siblings resolve list import export diff publish cancel subscribe watch send inbox query reachability events help" -f -a "completions" -d 'Print what a shell needs to complete commands of this program'
complete -c gossip -n "__fish_gossip_using_subcommand help; and not __fish_seen_subcommand_from agent config demo sim completions man members rtt info join leave force-leave set get delete incr add remove siblings resolve list import export diff publish cancel subscribe watch send inbox query reachability events help" -f -a "man" -d 'Print or write manual pages'
complete -c gossip -n "__fish_gossip_using_subcommand help; and not __fish_seen_subcommand_from agent config demo sim completions man members rtt info join leave force-leave set get delete incr add remove siblings resolve list import export diff publish cancel subscribe watch send inbox query reachability events help" -f -a "members" -d 'Show who is in the cluster'
complete -c gossip -n "__fish_gossip_using_subcommand help; and not __fish_seen_subcommand_from agent config demo sim completions man members rtt info join leave force-leave set get delete incr add remove siblings resolve list import export diff publish cancel subscribe watch send inbox query reachability events help" -f -a "rtt" -d 'Show how long a packet takes from one member to another and back'
complete -c gossip -n "__fish_gossip_using_subcommand help; and not __fish_seen_subcommand_from agent config demo sim completions man members rtt info join leave force-leave set get delete incr add remove siblings resolve list import export diff publish cancel subscribe watch send inbox query reachability events help" -f -a "info" -d 'Show the local agent: identity, address, counters'
complete -c gossip -n "__fish_gossip_using_subcommand help; and not __fish_seen_subcommand_from agent config demo sim completions man members rtt info join leave force-leave set get delete incr add remove siblings resolve list import export diff publish cancel subscribe watch send inbox query reachability events help" -f -a "join" -d 'Make the agent join through other members'
complete -c gossip -n "__fish_gossip_using_subcommand help; and not __fish_seen_subcommand_from agent config demo sim completions man members rtt info join leave force-leave set get delete incr add remove siblings resolve list import export diff publish cancel subscribe watch send inbox query reachability events help" -f -a "leave" -d 'Make the agent leave the cluster gracefully and stop'
complete -c gossip -n "__fish_gossip_using_subcommand help; and not __fish_seen_subcommand_from agent config demo sim completions man members rtt info join leave force-leave set get delete incr add remove siblings resolve list import export diff publish cancel subscribe watch send inbox query reachability events help" -f -a "force-leave" -d 'Mark a member that is down as left, everywhere'
complete -c gossip -n "__fish_gossip_using_subcommand help; and not __fish_seen_subcommand_from agent config demo sim completions man members rtt info join leave force-leave set get delete incr add remove siblings resolve list import export diff publish cancel subscribe watch send inbox query reachability events help" -f -a "set" -d 'Write a key; prints the version of the write'
complete -c gossip -n "__fish_gossip_using_subcommand help; and not __fish_seen_subcommand_from agent config demo sim completions man members rtt info join leave force-leave set get delete incr add remove siblings resolve list import export diff publish cancel subscribe watch send inbox query reachability events help" -f -a "get" -d 'Print a key\'s value'
complete -c gossip -n "__fish_gossip_using_subcommand help; and not __fish_seen_subcommand_from agent config demo sim completions man members rtt info join leave force-leave set get delete incr add remove siblings resolve list import export diff publish cancel subscribe watch send inbox query reachability events help" -f -a "delete" -d 'Delete a key; prints the version of the write'
complete -c gossip -n "__fish_gossip_using_subcommand help; and not __fish_seen_subcommand_from agent config demo sim completions man members rtt info join leave force-leave set get delete incr add remove siblings resolve list import export diff publish cancel subscribe watch send inbox query reachability events help" -f -a "incr" -d 'Count a counter up or down; prints where it stands'
complete -c gossip -n "__fish_gossip_using_subcommand help; and not __fish_seen_subcommand_from agent config demo sim completions man members rtt info join leave force-leave set get delete incr add remove siblings resolve list import export diff publish cancel subscribe watch send inbox query reachability events help" -f -a "add" -d 'Add elements to a set; prints the version of the write'
complete -c gossip -n "__fish_gossip_using_subcommand help; and not __fish_seen_subcommand_from agent config demo sim completions man members rtt info join leave force-leave set get delete incr add remove siblings resolve list import export diff publish cancel subscribe watch send inbox query reachability events help" -f -a "remove" -d 'Remove elements from a set; prints the version of the write'
complete -c gossip -n "__fish_gossip_using_subcommand help; and not __fish_seen_subcommand_from agent config demo sim completions man members rtt info join leave force-leave set get delete incr add remove siblings resolve list import export diff publish cancel subscribe watch send inbox query reachability events help" -f -a "siblings" -d 'Show the values of a key that were written at the same time'
complete -c gossip -n "__fish_gossip_using_subcommand help; and not __fish_seen_subcommand_from agent config demo sim completions man members rtt info join leave force-leave set get delete incr add remove siblings resolve list import export diff publish cancel subscribe watch send inbox query reachability events help" -f -a "resolve" -d 'Write one value in place of those that were written at the same time'
complete -c gossip -n "__fish_gossip_using_subcommand help; and not __fish_seen_subcommand_from agent config demo sim completions man members rtt info join leave force-leave set get delete incr add remove siblings resolve list import export diff publish cancel subscribe watch send inbox query reachability events help" -f -a "list" -d 'List keys and values'
complete -c gossip -n "__fish_gossip_using_subcommand help; and not __fish_seen_subcommand_from agent config demo sim completions man members rtt info join leave force-leave set get delete incr add remove siblings resolve list import export diff publish cancel subscribe watch send inbox query reachability events help" -f -a "import" -d 'Write many keys from a JSON file'
complete -c gossip -n "__fish_gossip_using_subcommand help; and not __fish_seen_subcommand_from agent config demo sim completions man members rtt info join leave force-leave set get delete incr add remove siblings resolve list import export diff publish cancel subscribe watch send inbox query reachability events help" -f -a "export" -d 'Print keys and values as one JSON object'
complete -c gossip -n "__fish_gossip_using_subcommand help; and not __fish_seen_subcommand_from agent config demo sim completions man members rtt info join leave force-leave set get delete incr add remove siblings resolve list import export diff publish cancel subscribe watch send inbox query reachability events help" -f -a "diff" -d 'Compare the keys of this agent with those of a member: which differ, and what it took to find them'
complete -c gossip -n "__fish_gossip_using_subcommand help; and not __fish_seen_subcommand_from agent config demo sim completions man members rtt info join leave force-leave set get delete incr add remove siblings resolve list import export diff publish cancel subscribe watch send inbox query reachability events help" -f -a "publish" -d 'Send a message to all members'
complete -c gossip -n "__fish_gossip_using_subcommand help; and not __fish_seen_subcommand_from agent config demo sim completions man members rtt info join leave force-leave set get delete incr add remove siblings resolve list import export diff publish cancel subscribe watch send inbox query reachability events help" -f -a "cancel" -d 'Take back a message of this agent where it has not arrived yet'
complete -c gossip -n "__fish_gossip_using_subcommand help; and not __fish_seen_subcommand_from agent config demo sim completions man members rtt info join leave force-leave set get delete incr add remove siblings resolve list import export diff publish cancel subscribe watch send inbox query reachability events help" -f -a "subscribe" -d 'Print messages as they arrive'
complete -c gossip -n "__fish_gossip_using_subcommand help; and not __fish_seen_subcommand_from agent config demo sim completions man members rtt info join leave force-leave set get delete incr add remove siblings resolve list import export diff publish cancel subscribe watch send inbox query reachability events help" -f -a "watch" -d 'Print changes of keys as they happen'
complete -c gossip -n "__fish_gossip_using_subcommand help; and not __fish_seen_subcommand_from agent config demo sim completions man members rtt info join leave force-leave set get delete incr add remove siblings resolve list import export diff publish cancel subscribe watch send inbox query reachability events help" -f -a "send" -d 'Send a message to one member; ends when it was delivered'
complete -c gossip -n "__fish_gossip_using_subcommand help; and not __fish_seen_subcommand_from agent config demo sim completions man members rtt info join leave force-leave set get delete incr add remove siblings resolve list import export diff publish cancel subscribe watch send inbox query reachability events help" -f -a "inbox" -d 'Print the messages that others sent to this agent'
complete -c gossip -n "__fish_gossip_using_subcommand help; and not __fish_seen_subcommand_from agent config demo sim completions man members rtt info join leave force-leave set get delete incr add remove siblings resolve list import export diff publish cancel subscribe watch send inbox query reachability events help" -f -a "query" -d 'Ask all members, or some, and print their answers'
complete -c gossip -n "__fish_gossip_using_subcommand help; and not __fish_seen_subcommand_from agent config demo sim completions man members rtt info join leave force-leave set get delete incr add remove siblings resolve list import export diff publish cancel subscribe watch send inbox query reachability events help" -f -a "reachability" -d 'Ask members who gets through to whom, and name links that carry in one direction only'
complete -c gossip -n "__fish_gossip_using_subcommand help; and not __fish_seen_subcommand_from agent config demo sim completions man members rtt info join leave force-leave set get delete incr add remove siblings resolve list import export diff publish cancel subscribe watch send inbox query reachability events help" -f -a "events" -d 'Print whatever happens in the cluster, as it happens'
complete -c gossip -n "__fish_gossip_using_subcommand help; and not __fish_seen_subcommand_from agent config demo sim completions man members rtt info join leave force-leave set get delete incr add remove siblings resolve list import export diff publish cancel subscribe watch send inbox query reachability events help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c gossip -n "__fish_gossip_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "check" -d 'Check a configuration file, and say what it would change: by SIGHUP or only by a restart'
complete -c gossip -n "__fish_gossip_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "default" -d 'Print a commented template that holds every field and its default'
complete -c gossip -n "__fish_gossip_using_subcommand help; and __fish_seen_subcommand_from sim" -f -a "run" -d 'Run one scenario, once for each seed'
complete -c gossip -n "__fish_gossip_using_subcommand help; and __fish_seen_subcommand_from sim" -f -a "list" -d 'List the scenarios that are built in'
complete -c gossip -n "__fish_gossip_using_subcommand help; and __fish_seen_subcommand_from sim" -f -a "floors" -d 'Run every scenario that is built in and say whether it keeps its floors; exit code 1 if not'
