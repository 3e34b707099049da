//! Bytes from anybody: no panic, and nothing grows without bound.

mod common;

use common::{Random, Set, index};
use gossip_reconcile::{Session, Want};

fn set(random: &mut Random, items: usize) -> Set {
    (0..items).map(|_| (random.next().to_be_bytes()[..1 + random.below(8)].to_vec(), random.next())).collect()
}

/// Real messages of a comparison, and noise.
fn messages(random: &mut Random, a: &Set, b: &Set) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let (a, b) = (index(a), index(b));
    let (mut questions, mut answers) = (Vec::new(), Vec::new());
    let mut session = Session::new(random.next() as u32);
    let mut buf = [0; 700];
    while let Some(len) = session.poll_question(&a, &mut buf) {
        questions.push(buf[..len].to_vec());
        let len = b.answer(&questions[questions.len() - 1], &mut buf).expect("a question");
        answers.push(buf[..len].to_vec());
        session.handle_answer(&a, &buf[..len]).expect("an answer");
    }
    for kind in 0..5 {
        let noise = (0..random.below(300)).map(|_| random.next() as u8);
        let noise: Vec<u8> = [kind].into_iter().chain(noise).collect();
        questions.push(noise.clone());
        answers.push(noise);
    }
    (questions, answers)
}

fn damage(random: &mut Random, message: &mut Vec<u8>) {
    for _ in 0..random.below(4) {
        let at = random.below(message.len() + 1);
        match (random.below(4), message.get_mut(at)) {
            (0, Some(byte)) => *byte ^= 1 << random.below(8),
            (1, Some(byte)) => *byte = [0, 1, 0x7f, 0x80, 0xff][random.below(5)],
            (2, _) => message.truncate(at),
            _ => message.insert(at, random.next() as u8),
        }
    }
}

#[test]
fn damaged_messages_do_no_harm() {
    for seed in 0..60 {
        let mut random = Random(seed);
        let (a, b) = (set(&mut random, 600), set(&mut random, 500));
        let (questions, answers) = messages(&mut random, &a, &b);
        let (a, b) = (index(&a), index(&b));
        let mut session = Session::new(seed as u32);
        let mut buf = [0; 508];
        for _ in 0..300 {
            let mut question = questions[random.below(questions.len())].clone();
            damage(&mut random, &mut question);
            if let Ok(len) = b.answer(&question, &mut buf) {
                assert!(len <= buf.len());
                _ = session.handle_answer(&a, &buf[..len]);
            }
            let mut answer = answers[random.below(answers.len())].clone();
            damage(&mut random, &mut answer);
            _ = session.handle_answer(&a, &answer);
            _ = session.poll_question(&a, &mut buf);
            if random.chance(10) {
                session.retry();
            }
            while let Some(found) = session.poll_found() {
                assert!(a.ours(&found).count() <= a.len());
                for want in a.wants(&found) {
                    assert!(b.wanted(&want).count() <= b.len());
                }
            }
        }
    }
}

#[test]
fn what_is_wanted_is_read_as_it_was_written_or_not_at_all() {
    for seed in 0..2000 {
        let mut random = Random(seed);
        let bytes: Vec<u8> =
            (0..random.below(60)).map(|_| [0, 1, 2, 4, 5, 6, random.next() as u8][random.below(7)]).collect();
        let Ok(wants) = Want::read(&bytes) else { continue };
        let mut buf = [0; 300];
        let (written, len) = Want::write(&wants, &mut buf);
        assert_eq!(written, wants.len());
        assert_eq!(Want::read(&buf[..len]).as_deref(), Ok(wants.as_slice()), "seed {seed}");
    }
}

#[test]
fn a_buffer_that_is_too_short_holds_no_answer() {
    let mut random = Random(1);
    let (a, b) = (set(&mut random, 600), set(&mut random, 500));
    let (questions, _) = messages(&mut random, &a, &b);
    let b = index(&b);
    for question in questions.iter().filter(|question| b.answer(question, &mut [0; 508]).is_ok()) {
        for len in 0..40 {
            let mut buf = vec![0; len];
            assert!(b.answer(question, &mut buf).is_ok_and(|written| written <= len));
        }
    }
}

/// It says of each range that it is split further and that all of it differs.
#[test]
fn an_answer_that_never_ends_is_bounded() {
    let mut random = Random(2);
    let a = index(&set(&mut random, 1000));
    let mut session = Session::new(3);
    let mut buf = [0; 1200];
    let mut longest = 0;
    for round in 0..20_000_u32 {
        let Some(len) = session.poll_question(&a, &mut buf) else {
            session.retry();
            continue;
        };
        longest = longest.max(len);
        let answer = match buf[0] {
            0 => [&[2, 0xff, 0x7f][..], &split(&mut random, &[])].concat(),
            1 => [&[1][..], &round.to_be_bytes(), &[0], &[7; 12]].concat(),
            _ => [&[3, buf[1], buf[2]][..], &split(&mut random, &[])].concat(),
        };
        _ = session.handle_answer(&a, &answer);
        while session.poll_found().is_some() {}
    }
    assert!(longest <= 1200);
    assert!(session.is_incomplete() || session.is_done() || session.poll_question(&a, &mut buf).is_some());
}

fn split(random: &mut Random, low: &[u8]) -> Vec<u8> {
    let mut parts = vec![16 << 2];
    let mut before = low.to_vec();
    for part in 0..16_u8 {
        if part > 0 {
            let bound = [&[part][..], &random.next().to_be_bytes()].concat();
            let shared = usize::from(before.first() == Some(&part));
            parts.extend([(bound.len() - shared + 1) as u8, shared as u8]);
            parts.extend(&bound[shared..]);
            before = bound;
        }
        parts.extend([0, 1, 2, 3, 4, random.next() as u8, 0, 7, 8, 9, 10, random.next() as u8]);
    }
    parts
}
