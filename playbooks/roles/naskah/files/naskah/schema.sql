-- Version 1 of the application's tables. Applied by naskah-skema in one transaction.
create table skema_versi (
    versi integer primary key,
    dipasang_pada timestamptz not null default clock_timestamp()
);

create table surat (
    id uuid primary key,
    nomor text not null,
    perihal text not null,
    pengirim text not null,
    penerima text not null,
    isi text not null,
    diterima_pada timestamptz not null default clock_timestamp(),
    diterima_di text not null
);
create index surat_diterima_pada on surat (diterima_pada, id);

-- The same file may hang on several letters, so the key is the pair; the bytes are kept once, below their hash.
create table lampiran (
    sha256 text not null check (sha256 ~ '^[0-9a-f]{64}$'),
    surat_id uuid not null references surat (id),
    nama text not null,
    ukuran bigint not null check (ukuran >= 0),
    primary key (sha256, surat_id)
);
create index lampiran_surat_id on lampiran (surat_id);

insert into skema_versi (versi) values (1);
