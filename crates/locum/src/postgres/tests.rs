//! Servers that no package manager has any more, played.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::*;

/// A server that says whatever is asked is `shown`. Returns where it listens.
async fn server_that_shows(shown: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(converse(client, shown));
        }
    });
    format!("postgres://locum@{address}/chats?sslmode=disable")
}

async fn converse(mut client: TcpStream, shown: &str) -> std::io::Result<()> {
    let length = client.read_u32().await?;
    read(&mut client, length).await?;
    let ready = message(b'Z', b"I");
    let welcome = [message(b'R', &0u32.to_be_bytes()), ready.clone()].concat();
    client.write_all(&welcome).await?;
    // Each further message is a query: its kind, its length, its text.
    while client.read_u8().await? == b'Q' {
        let length = client.read_u32().await?;
        let asked = read(&mut client, length).await?;
        let mut answer = Vec::new();
        if asked.starts_with(b"SHOW") {
            // One column: its name, no table, type 25 (text) of any length, as text.
            let column = b"\0\x01it\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0";
            let length = u32::try_from(shown.len()).unwrap().to_be_bytes();
            answer.extend(message(b'T', column));
            let row = [&[0, 1][..], &length, shown.as_bytes()].concat();
            answer.extend(message(b'D', &row));
        }
        answer.extend(message(b'C', b"DONE\0"));
        answer.extend(&ready);
        client.write_all(&answer).await?;
    }
    Ok(())
}

/// The rest of a message, whose length counts itself.
async fn read(client: &mut TcpStream, length: u32) -> std::io::Result<Vec<u8>> {
    let mut rest = vec![0; length as usize - 4];
    client.read_exact(&mut rest).await?;
    Ok(rest)
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
    [&[kind][..], &length, body].concat()
}

async fn refusal(shown: &'static str) -> String {
    let address = Address::of(&server_that_shows(shown).await).unwrap();
    Postgres::open(address, 1).await.unwrap_err().to_string()
}

#[tokio::test]
async fn a_version_that_is_too_old_is_said() {
    let said = refusal("120022").await;
    for part in [
        "\"chats\" at 127.0.0.1:",
        "PostgreSQL 120022",
        "13 or newer",
    ] {
        assert!(said.contains(part), "{said}");
    }
}

#[tokio::test]
async fn a_standby_is_said() {
    let said = refusal("on").await;
    assert!(said.contains("must name the primary"), "{said}");
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let address = Address::of(&format!("postgres://locum@127.0.0.1:{port}/chats")).unwrap();
    let opened = timeout(2 * PATIENCE, Postgres::open(address, 1)).await;
    let said = opened.unwrap().unwrap_err().to_string();
    assert!(said.contains("does not answer"), "{said}");
}
