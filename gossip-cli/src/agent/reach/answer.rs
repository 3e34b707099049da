//! Taking part: tokens go out and come in, then a report goes to who asked.

use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::BuildHasher as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use gossip_core::direct::Undelivered;
use gossip_core::{Event, NodeId, Status};
use gossip_handle::{Handle, SendFailure};
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;

use super::message::{self, Link, Message, Question};
use super::{ASK, INBOX, INTERVAL, MAX_ROUNDS, MAX_TARGETS, PORT, Reach, TELL};

/// Rounds of which tokens are remembered, the last ones: some come before the question.
const MAX_HEARD: usize = 32;
/// Senders of tokens that are remembered in one round, and members held down that are told.
const MAX_SENDERS: usize = 512;
const MAX_DOWN: usize = 64;
/// Tokens of a round are forgotten after so long.
const MEMORY: Duration = Duration::from_secs(90);

pub(super) fn spawn(handle: &Handle<SocketAddr>, questions: mpsc::Receiver<Question>, reach: Arc<Reach>) {
    let task = Task {
        me: handle.with(|node, _| node.identity().id),
        handle: handle.clone(),
        reach,
        heard: HashMap::new(),
        begun: Vec::new(),
        trying: JoinSet::new(),
        telling: JoinSet::new(),
    };
    tokio::spawn(task.run(questions));
}

struct Task {
    me: NodeId,
    handle: Handle<SocketAddr>,
    reach: Arc<Reach>,
    /// Whose tokens came, by round.
    heard: HashMap<u64, (Instant, BTreeSet<NodeId>)>,
    /// When the last rounds began.
    begun: Vec<Instant>,
    trying: JoinSet<Tried>,
    telling: JoinSet<()>,
}

/// A round whose time for tokens is over.
struct Tried {
    question: Question,
    asker: NodeId,
    links: BTreeMap<NodeId, Link>,
}

impl Task {
    async fn run(mut self, mut questions: mpsc::Receiver<Question>) {
        let mut events = self.handle.events();
        let Some(mut inbox) = self.handle.inbox(PORT, INBOX) else {
            return tracing::error!("the port of reachability is read by somebody else: it is not answered");
        };
        loop {
            tokio::select! {
                event = events.recv() => match event {
                    Some(Event::Broadcast(message)) if message.topic() == ASK => {
                        if let Some(question) = Question::decode(message.payload()) {
                            self.begin(message.id.origin, question);
                        }
                    }
                    Some(Event::Broadcast(message)) if message.topic() == TELL => {
                        self.take(message.id.origin, message.payload());
                    }
                    Some(_) => {}
                    None => return,
                },
                Some(question) = questions.recv() => self.begin(self.me, question),
                Some(message) = inbox.recv() => self.take(message.from.id, &message.data),
                Some(tried) = self.trying.join_next() => self.tell(tried),
                Some(_) = self.telling.join_next() => {}
            }
        }
    }

    fn take(&mut self, from: NodeId, bytes: &[u8]) {
        match Message::decode(bytes) {
            Some(Message::Token(round)) => {
                let now = Instant::now();
                self.heard.retain(|_, (since, _)| now - *since < MEMORY);
                if self.heard.len() >= MAX_HEARD
                    && !self.heard.contains_key(&round)
                    && let Some(oldest) =
                        self.heard.iter().min_by_key(|(_, (since, _))| *since).map(|(round, _)| *round)
                {
                    self.heard.remove(&oldest);
                }
                let (_, senders) = self.heard.entry(round).or_insert_with(|| (now, BTreeSet::new()));
                if senders.len() < MAX_SENDERS {
                    senders.insert(from);
                }
            }
            Some(Message::Report(round, part)) => self.reach.deliver(from, round, part),
            None => tracing::debug!("{from} sent what is neither token nor report"),
        }
    }

    /// Sends tokens. It is over early if all others acknowledged theirs: nothing is left to learn then.
    fn begin(&mut self, asker: NodeId, question: Question) {
        let now = Instant::now();
        self.begun.retain(|begun| now - *begun < INTERVAL);
        if question.is_over() || self.begun.len().max(self.trying.len()) >= MAX_ROUNDS {
            return tracing::debug!("a round of reachability is not taken part in: too late, or too many");
        }
        self.begun.push(now);
        let until = now + question.window;
        let (targets, all) = self.targets();
        let token = message::token(question.round);
        let mut links = BTreeMap::new();
        let mut sending = JoinSet::new();
        for to in targets {
            if let Ok(sent) = self.handle.send_to(to, PORT, &token) {
                links.insert(to, Link { tried: true, ..Link::default() });
                sending.spawn(async move { (to, sent.await) });
            }
        }
        self.trying.spawn(async move {
            while let Ok(Some(Ok((to, outcome)))) = tokio::time::timeout_at(until, sending.join_next()).await {
                // A refusal is an answer, too: there is a member, though no agent.
                let answered = matches!(outcome, Ok(()) | Err(SendFailure::Undelivered(Undelivered::InboxFull)));
                links.entry(to).or_default().acknowledged = answered;
            }
            if !all || links.values().any(|link| !link.acknowledged) {
                tokio::time::sleep_until(until).await;
            }
            Tried { question, asker, links }
        });
    }

    /// Whom to send tokens to, and whether these are all other live members.
    fn targets(&self) -> (Vec<NodeId>, bool) {
        let mut others: Vec<NodeId> = self.handle.with(|node, _| {
            let live = node.members();
            live.iter().filter(|member| member.status.is_live()).map(|member| member.id).collect()
        });
        others.retain(|id| *id != self.me);
        let all = others.len() <= MAX_TARGETS;
        let random = RandomState::new();
        others.sort_by_cached_key(|id| random.hash_one(id));
        others.truncate(MAX_TARGETS);
        (others, all)
    }

    /// Sends the report: straight to who asked, or if that does not arrive, by way of all others.
    fn tell(&mut self, tried: Result<Tried, JoinError>) {
        let Tried { question, asker, mut links } = match tried {
            Ok(tried) => tried,
            Err(error) => return tracing::error!("the tokens of a round failed: {error}"),
        };
        let (_, heard) = self.heard.get(&question.round).cloned().unwrap_or_else(|| (Instant::now(), BTreeSet::new()));
        heard.into_iter().for_each(|from| links.entry(from).or_default().heard = true);
        let (down, max) = self.handle.with(|node, _| {
            let down = node.members().iter().filter(|member| member.status == Status::Down).map(|member| member.id);
            // It must fit either way.
            let max = node.directs().max_len().min(node.broadcasts().one_piece().saturating_sub(TELL.len()));
            (down.take(MAX_DOWN).collect::<Vec<_>>(), max)
        });
        down.into_iter().for_each(|id| links.entry(id).or_default().down = true);
        let links: Vec<_> = links.into_iter().collect();
        for part in message::report(question.round, &links, max) {
            if asker == self.me {
                self.take(asker, &part);
                continue;
            }
            let handle = self.handle.clone();
            self.telling.spawn(async move {
                let sent = async { handle.send_to(asker, PORT, &part)?.await };
                if !matches!(tokio::time::timeout(question.window / 2, sent).await, Ok(Ok(())))
                    && let Err(error) = handle.publish(TELL, &part)
                {
                    tracing::debug!("a report of reachability went nowhere: {error}");
                }
            });
        }
    }
}
